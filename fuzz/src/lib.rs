//! What has to hold for whatever a peer sends, as plain functions over octets.
//!
//! A fuzzer calls them with octets that it makes up, and a test of the gateway with the octets that
//! are kept under `seeds`. Each comes twice: `raw` takes the octets as a peer's, `built` makes
//! something nearly right out of them first, so that what lies deep is reached at all.

use allocation_counter::measure;
use arbitrary::{Result, Unstructured};
use bytes::{Bytes, BytesMut};
use jisr::callback::ServiceName;
use jisr::screen::{alphabet, halves};
use jisr::smpp::command::{Command, Status};
use jisr::smpp::config::SmppConfig;
use jisr::smpp::frame::{self, Frame, HEADER_LEN, Header, PDU_LEN_MAX};
use jisr::smpp::part::{self, ESM_UDHI, Part};
use jisr::smpp::pdu::{self, DecodeError, Pdu, Sm};
use jisr::smpp::text::{self, DefaultAlphabet, Writing};
use jisr::smpp::tlv::{self, Tlvs};
use jisr::smpp::{incoming, receipt};
use jisr::store::ReceiptState;

/// What has to hold for any octets; it panics where that does not.
pub type Check = fn(&[u8]);

/// The name of each target, and what it checks.
pub const ALL: [(&str, Check); 10] = [
    ("pdu_raw", pdu_raw),
    ("pdu_built", pdu_built),
    ("stream_raw", stream_raw),
    ("stream_built", stream_built),
    ("part_raw", part_raw),
    ("part_built", part_built),
    ("receipt_raw", receipt_raw),
    ("receipt_built", receipt_built),
    ("text_raw", text_raw),
    ("text_built", text_built),
];

/// The command ids that are spoken.
fn commands() -> Vec<u32> {
    let low = (0..0x110).filter_map(|id| Command::of(id).map(|_| id));
    let answers = (0x8000_0000..0x8000_0110).filter_map(|id| Command::of(id).map(|_| id));
    low.chain(answers).collect()
}

/// A PDU of any command: the first octet chooses it, the rest is its body.
pub fn pdu_raw(octets: &[u8]) {
    let Some((first, body)) = octets.split_first() else {
        return;
    };
    let known = commands();
    let command = known.get(usize::from(*first)).copied();
    check_pdu(command.unwrap_or(u32::from(*first) << 8), body);
}

/// A PDU that was written by us, with some of its octets changed and its end cut off or grown.
pub fn pdu_built(octets: &[u8]) {
    // Octets that do not suffice make nothing.
    build_pdu(&mut Unstructured::new(octets)).ok();
}

fn build_pdu(u: &mut Unstructured<'_>) -> Result<()> {
    let known = commands();
    let command = *u.choose(&known)?;
    let mut body = Vec::new();
    let fields = u.int_in_range(0..=12)?;
    for _ in 0..fields {
        match u.int_in_range(0..=3)? {
            0 => body.extend_from_slice(&c_octets(u, 24)?),
            1 => body.extend_from_slice(&[u.int_in_range(0..=9)?, u.int_in_range(0..=9)?]),
            2 => {
                let text = some(u, 40)?;
                body.push(u8::try_from(text.len()).unwrap_or(0));
                body.extend_from_slice(&text);
            }
            _ => body.push(u.arbitrary()?),
        }
    }
    if u.ratio(3, 4)? {
        // The mandatory fields of a message, so that what lies behind them is reached.
        body = message(u)?;
    }
    let tags = u.int_in_range(0..=4)?;
    for _ in 0..tags {
        let tag = tag(u)?;
        tlv::put(&mut body, tag, &some(u, 20)?);
    }
    if u.ratio(1, 3)? && !body.is_empty() {
        let at = u.choose_index(body.len())?;
        body[at] = u.arbitrary()?;
    }
    if u.ratio(1, 4)? {
        let end = u.choose_index(body.len() + 1)?;
        body.truncate(end);
    }
    check_pdu(command, &body);
    Ok(())
}

fn message(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let mut body = c_octets(u, 6)?;
    for _ in 0..2 {
        body.extend_from_slice(&[u.int_in_range(0..=6)?, 1]);
        body.extend_from_slice(&c_octets(u, 22)?);
    }
    body.extend_from_slice(&[u.arbitrary()?, 0, 0]);
    body.extend_from_slice(&c_octets(u, 17)?);
    body.extend_from_slice(&c_octets(u, 17)?);
    body.extend_from_slice(&[u.arbitrary()?, 0, u.arbitrary()?, 0]);
    let text = some(u, 160)?;
    body.push(u8::try_from(text.len()).unwrap_or(0));
    body.extend_from_slice(&text);
    Ok(body)
}

fn some(u: &mut Unstructured<'_>, max: usize) -> Result<Vec<u8>> {
    let count = u.int_in_range(0..=max)?;
    Ok(u.bytes(count.min(u.len()))?.to_vec())
}

fn c_octets(u: &mut Unstructured<'_>, max: usize) -> Result<Vec<u8>> {
    let mut text = some(u, max)?;
    text.retain(|octet| *octet != 0);
    text.push(0);
    Ok(text)
}

fn tag(u: &mut Unstructured<'_>) -> Result<u16> {
    let known = [
        tlv::SAR_REFERENCE,
        tlv::SAR_TOTAL,
        tlv::SAR_NUMBER,
        tlv::RECEIPTED_MESSAGE_ID,
        tlv::MESSAGE_PAYLOAD,
        tlv::MESSAGE_STATE,
        0x0501,
        0x1383,
    ];
    Ok(if u.ratio(1, 8)? {
        u.arbitrary()?
    } else {
        *u.choose(&known)?
    })
}

/// Reading never panics and takes nothing of its own. What was understood can be written, if it
/// fits its fields, as the very octets that it was read from; what was not can be answered.
fn check_pdu(command: u32, body: &[u8]) {
    let header = Header {
        command,
        status: Status::OK,
        sequence: 7,
    };
    let frame = Frame {
        header,
        body: Bytes::copy_from_slice(body),
    };
    let mut read = Err(DecodeError::UnknownCommand(command));
    let taken = measure(|| read = pdu::decode(&frame));
    assert_eq!(taken.bytes_max, 0, "reading allocates");
    match read {
        Err(DecodeError::UnknownCommand(id)) => {
            assert_eq!(id, command);
            assert_eq!(Command::of(id), None);
        }
        Err(DecodeError::Body {
            command: of,
            status,
        }) => {
            assert_eq!(of.id(), command);
            assert!(!status.is_ok());
        }
        Ok((read, stray)) => {
            assert_eq!(read.command().id(), command);
            assert!(stray <= body.len());
            check_written(&read, body, stray);
            if let Pdu::SubmitSm(sm) | Pdu::DeliverSm(sm) | Pdu::DataSm(sm) = read {
                check_tlvs(sm.tlvs);
                check_incoming(&sm);
            }
        }
    }
}

fn check_written(read: &Pdu<'_>, body: &[u8], stray: usize) {
    let Ok(octets) = read.encode(Status::OK, 7) else {
        return;
    };
    let written = &octets[HEADER_LEN..];
    let same = body.get(..written.len()) == Some(written) && body.len() - written.len() <= stray;
    let with_nul = written.split_last() == Some((&0, body));
    assert!(same || with_nul, "what was read is not what is written");
    let again = frame::cut(&mut BytesMut::from(&octets[..]));
    let Ok(Some(frame)) = again else {
        panic!("what is written cannot be cut");
    };
    assert!(pdu::decode(&frame).map(|(again, _)| again) == Ok(*read));

    // Behind others in one buffer, the octets are the same.
    let mut batch = b"before".to_vec();
    for _ in 0..2 {
        assert_eq!(read.encode_into(Status::OK, 7, &mut batch), Ok(()));
    }
    assert!(batch == [b"before", &octets[..], &octets[..]].concat());
}

fn check_tlvs(tlvs: Tlvs<'_>) {
    let held: usize = tlvs.iter().map(|(_, value)| value.len() + 4).sum();
    assert_eq!(held + tlvs.stray(), tlvs.raw().len());
    for (tag, value) in tlvs.iter() {
        let first = tlvs.get(tag).unwrap_or_default();
        assert_eq!(
            tlvs.number(tag).is_some(),
            first.iter().rev().skip(4).all(|o| *o == 0) && !first.is_empty()
        );
        assert!(tlvs.text(tag).is_some_and(|text| text.len() <= first.len()));
        assert!(value.len() <= tlvs.raw().len());
    }
}

fn check_incoming(sm: &Sm<'_>) {
    let config = SmppConfig {
        service_for: vec![("3949".to_owned(), ServiceName::from("tns"))],
        ..SmppConfig::default()
    };
    let addresses = sm.source.octets.len() + sm.destination.octets.len();
    let sizes = addresses + sm.short_message.len() + sm.tlvs.raw().len() + 256;
    let taken = measure(|| drop(incoming::read(&config, sm)));
    // Three octets of UTF-8 for one of the wire, and room that grows by doubling.
    assert!(
        taken.bytes_max as usize <= 16 * sizes,
        "{} octets for {sizes}",
        taken.bytes_max
    );
}

/// A stream of any octets: the first chooses the chunks.
pub fn stream_raw(octets: &[u8]) {
    let Some((first, stream)) = octets.split_first() else {
        return;
    };
    let size = usize::from(*first).max(1);
    check_stream(stream, &mut std::iter::repeat(size));
}

/// A stream of PDUs with right and wrong lengths, in chunks of any sizes.
pub fn stream_built(octets: &[u8]) {
    // Octets that do not suffice make nothing.
    build_stream(&mut Unstructured::new(octets)).ok();
}

fn build_stream(u: &mut Unstructured<'_>) -> Result<()> {
    let mut stream = Vec::new();
    let count = u.int_in_range(0..=8)?;
    for _ in 0..count {
        let size = match u.int_in_range(0..=7)? {
            0 => u.int_in_range(0..=PDU_LEN_MAX - HEADER_LEN)?,
            _ => u.int_in_range(0..=64)?,
        };
        let length = match u.int_in_range(0..=15)? {
            0 => u.arbitrary()?,
            1 => u.int_in_range(0..=20)?,
            2 => u.int_in_range(65_530..=65_540)?,
            _ => u32::try_from(HEADER_LEN + size).unwrap_or(u32::MAX),
        };
        for number in [length, u.arbitrary()?, u.arbitrary()?, u.arbitrary()?] {
            stream.extend_from_slice(&number.to_be_bytes());
        }
        let filler = u.arbitrary()?;
        stream.resize(stream.len() + size, filler);
    }
    if u.ratio(1, 4)? {
        let end = u.choose_index(stream.len() + 1)?;
        stream.truncate(end);
    }
    let sizes: Vec<usize> = (0..8)
        .map(|_| Ok(usize::from(u.arbitrary::<u8>()?) + 1))
        .collect::<Result<_>>()?;
    let scale = *u.choose(&[1, 1, 16, 256])?;
    check_stream(&stream, &mut sizes.iter().map(|size| size * scale).cycle());
    Ok(())
}

/// Chunks do not matter, nothing of the stream is lost, and cutting takes no more than the frame.
fn check_stream(stream: &[u8], sizes: &mut dyn Iterator<Item = usize>) {
    let (whole, end) = cut_all(stream, &mut std::iter::once(stream.len().max(1)));
    let (found, end_of_chunks) = cut_all(stream, sizes);
    assert!(whole == found, "the chunks matter");
    assert_eq!(end, end_of_chunks);
    let mut at = 0;
    for frame in &whole {
        let length = HEADER_LEN + frame.body.len();
        assert!((HEADER_LEN..=PDU_LEN_MAX).contains(&length));
        assert_eq!(&stream[at + HEADER_LEN..at + length], &frame.body[..]);
        at += length;
    }
    match end {
        // The length that was refused stands there.
        Some(length) => assert_eq!(stream[at..at + 4], length.to_be_bytes()),
        None => assert!(stream.len() - at < PDU_LEN_MAX),
    }
}

fn cut_all(stream: &[u8], sizes: &mut dyn Iterator<Item = usize>) -> (Vec<Frame>, Option<u32>) {
    let mut buffer = BytesMut::new();
    let mut found = Vec::new();
    let mut rest = stream;
    while !rest.is_empty() {
        let size = sizes.next().unwrap_or(rest.len()).clamp(1, rest.len());
        let (chunk, behind) = rest.split_at(size);
        rest = behind;
        buffer.extend_from_slice(chunk);
        loop {
            let mut cut = Ok(None);
            let taken = measure(|| cut = frame::cut(&mut buffer));
            // What is shared by the frames of one buffer is counted, once, on the heap.
            assert!(
                taken.bytes_max <= 64,
                "cutting takes {} octets",
                taken.bytes_max
            );
            match cut {
                Ok(Some(frame)) => found.push(frame),
                Ok(None) => break,
                Err(error) => return (found, Some(error.length)),
            }
        }
    }
    (found, None)
}

/// A user data header of any octets: the first says how many of the rest are parameters.
pub fn part_raw(octets: &[u8]) {
    let Some((first, rest)) = octets.split_first() else {
        return;
    };
    let (message, raw) = rest.split_at(usize::from(*first).min(rest.len()));
    for esm_class in [0, ESM_UDHI] {
        let sm = Sm {
            esm_class,
            short_message: message,
            tlvs: Tlvs::new(raw),
            ..Sm::default()
        };
        check_part(&sm);
    }
}

/// Whatever comes, the text is the end of what was sent, and a part is one of several.
fn check_part(sm: &Sm<'_>) -> Option<Part> {
    let mut read = None;
    let taken = measure(|| read = Some(part::read(sm)));
    assert_eq!(taken.bytes_max, 0);
    let (text, part) = read?;
    let sent = match sm.short_message {
        [] => sm.tlvs.get(tlv::MESSAGE_PAYLOAD).unwrap_or_default(),
        sent => sent,
    };
    assert!(sent.ends_with(text));
    if sm.esm_class & ESM_UDHI == 0 {
        assert_eq!(sent, text);
    } else if text.len() < sent.len() {
        assert_eq!(sent.len() - text.len(), usize::from(sent[0]) + 1);
    }
    if let Some(part) = part {
        assert!(part.total > 1 && (1..=part.total).contains(&part.number));
    }
    part
}

/// A header of well-formed elements, one of which tells the part, or parameters that do.
pub fn part_built(octets: &[u8]) {
    // Octets that do not suffice make nothing.
    build_part(&mut Unstructured::new(octets)).ok();
}

fn build_part(u: &mut Unstructured<'_>) -> Result<()> {
    let (reference, total, number): (u16, u8, u8) = u.arbitrary()?;
    let sensible = total > 1 && (1..=total).contains(&number);
    let text = some(u, 140)?;
    let mut raw = Vec::new();
    let mut short_message = Vec::new();
    let mut expected = reference;
    let esm_class = if u.arbitrary()? {
        let mut header = Vec::new();
        let others = u.int_in_range(0..=3)?;
        let place = u.int_in_range(0..=others)?;
        for at in 0..=others {
            if at == place && u.arbitrary()? {
                header.extend_from_slice(&part::header16(reference, total, number)[1..]);
            } else if at == place {
                expected = reference & 0xff;
                header.extend_from_slice(&part::header(expected as u8, total, number)[1..]);
            } else {
                // Any element but those two.
                let value = some(u, 12)?;
                header.push(u.int_in_range(9..=255)?);
                header.push(u8::try_from(value.len()).unwrap_or(0));
                header.extend_from_slice(&value);
            }
        }
        short_message.push(u8::try_from(header.len()).unwrap_or(0));
        short_message.extend_from_slice(&header);
        short_message.extend_from_slice(&text);
        ESM_UDHI
    } else {
        part::put_sar(
            &mut raw,
            Part {
                reference,
                total,
                number,
            },
        );
        short_message.extend_from_slice(&text);
        0
    };
    if u.arbitrary()? && !short_message.is_empty() {
        tlv::put(&mut raw, tlv::MESSAGE_PAYLOAD, &short_message);
        short_message.clear();
    }
    let sm = Sm {
        esm_class,
        short_message: &short_message,
        tlvs: Tlvs::new(&raw),
        ..Sm::default()
    };
    let expected = sensible.then_some(Part {
        reference: expected,
        total,
        number,
    });
    assert_eq!(check_part(&sm), expected);
    assert_eq!(part::read(&sm).0, text);
    Ok(())
}

/// A receipt of any octets: the first is its data_coding, the second says how many are parameters.
pub fn receipt_raw(octets: &[u8]) {
    let Some(([data_coding, count], rest)) = octets.split_first_chunk::<2>() else {
        return;
    };
    let (raw, message) = rest.split_at(usize::from(*count).min(rest.len()));
    let sm = Sm {
        esm_class: 4,
        data_coding: *data_coding,
        short_message: message,
        tlvs: Tlvs::new(raw),
        ..Sm::default()
    };
    if let Some(told) = receipt::read(&sm) {
        assert!(!told.id.is_empty());
        assert_eq!(told.id, told.id.trim());
    }
    check_incoming(&sm);
}

/// A receipt with the fields of the standard in any order, spacing and letter case.
pub fn receipt_built(octets: &[u8]) {
    // Octets that do not suffice make nothing.
    build_receipt(&mut Unstructured::new(octets)).ok();
}

fn build_receipt(u: &mut Unstructured<'_>) -> Result<()> {
    use ReceiptState::{Delivered, Expired, Failed, Underway};
    let id: String = some(u, 20)?
        .iter()
        .map(|octet| char::from(b"0123456789abcdefABCDEF-_@."[usize::from(*octet) % 26]))
        .collect();
    let (stat, state) = *u.choose(&[
        ("DELIVRD", Delivered),
        ("DELIVERED", Delivered),
        ("EXPIRED", Expired),
        ("UNDELIV", Failed),
        ("REJECTD", Failed),
        ("DELETED", Failed),
        ("ACCEPTD", Underway),
        ("ENROUTE", Underway),
        ("UNKNOWN", Underway),
        ("2", Delivered),
        ("5", Failed),
        ("1", Underway),
    ])?;
    let mut fields = vec![("id", id.clone()), ("stat", stat.to_owned())];
    for other in [
        ("sub", "001"),
        ("dlvrd", "001"),
        ("submit date", "2409011200"),
        ("done date", "240901120159"),
        ("err", "000"),
        ("vendor", "x-1"),
    ] {
        if u.arbitrary()? {
            let at = u.choose_index(fields.len() + 1)?;
            fields.insert(at, (other.0, other.1.to_owned()));
        }
    }
    if u.arbitrary()? {
        fields.swap(0, 1);
    }
    let separator = *u.choose(&[" ", "  ", ",", ";", "\n", "\r\n", " | "])?;
    let mut body = String::new();
    for (name, value) in &fields {
        let name = match u.int_in_range(0..=2)? {
            0 => name.to_uppercase(),
            _ => (*name).to_owned(),
        };
        let colon = *u.choose(&[":", ": ", " : "])?;
        let value = match u.int_in_range(0..=3)? {
            0 if *name.to_lowercase() == *"stat" => value.to_lowercase(),
            1 => format!("\"{value}\""),
            _ => value.clone(),
        };
        body.push_str(&format!("{name}{colon}{value}{separator}"));
    }
    body.push_str("text:id:999 stat:REJECTD");
    let units: Vec<u8>;
    let (data_coding, octets) = if u.ratio(1, 8)? {
        units = body.encode_utf16().flat_map(u16::to_be_bytes).collect();
        (8, &units[..])
    } else {
        (*u.choose(&[0, 1, 3, 0xf0])?, body.as_bytes())
    };
    let sm = Sm {
        esm_class: 4,
        data_coding,
        short_message: octets,
        ..Sm::default()
    };
    let told = receipt::read(&sm);
    if id.is_empty() {
        assert_eq!(told, None);
    } else {
        let told = told.map(|told| (told.id, told.state));
        assert_eq!(told, Some((id, state)), "{body}");
    }
    Ok(())
}

/// Octets of any alphabet: the first is the data_coding, the second what 0 means and where to cut.
pub fn text_raw(octets: &[u8]) {
    let Some(([data_coding, cut], octets)) = octets.split_first_chunk::<2>() else {
        return;
    };
    let zero = match cut % 3 {
        0 => DefaultAlphabet::Gsm,
        1 => DefaultAlphabet::Latin1,
        _ => DefaultAlphabet::Ascii,
    };
    let mut whole = String::new();
    let taken = measure(|| whole = text::decode_as(zero, *data_coding, octets));
    assert!(
        taken.bytes_max as usize <= 12 * octets.len() + 64,
        "{} octets",
        taken.bytes_max
    );
    check_joined(zero, *data_coding, octets, usize::from(*cut), &whole);
    check_text(
        &whole,
        &Writing {
            zero,
            ..Writing::default()
        },
    );
}

/// Cut between any two units, a text comes out as if it had not been.
fn check_joined(zero: DefaultAlphabet, data_coding: u8, octets: &[u8], cut: usize, whole: &str) {
    let marks = |c: char| matches!(u32::from(c), 0x10_001b | 0x10_d800..=0x10_dfff);
    let units = text::is_ucs2(data_coding);
    // Octets above 127 are no septets, two ESC in a row mean nothing yet, and a mark of byte order
    // stands at the beginning if at all.
    let gsm = data_coding == 0
        && zero == DefaultAlphabet::Gsm
        && octets.is_ascii()
        && !octets.windows(2).any(|two| two == [alphabet::ESC; 2]);
    let bom = octets.chunks_exact(2).any(|unit| unit == [0xfe, 0xff]);
    if !(gsm || units && !bom) || whole.contains(marks) {
        return;
    }
    let size = if units { (cut & !1).max(2) } else { cut.max(1) };
    let parts: Vec<String> = octets
        .chunks(size)
        .map(|part| text::decode_part(zero, data_coding, part))
        .collect();
    assert_eq!(halves::join(&parts), whole);
}

/// A text of characters that matter, in every way of writing.
pub fn text_built(octets: &[u8]) {
    // Octets that do not suffice make nothing.
    build_text(&mut Unstructured::new(octets)).ok();
}

fn build_text(u: &mut Unstructured<'_>) -> Result<()> {
    let writing = Writing {
        zero: *u.choose(&[
            DefaultAlphabet::Gsm,
            DefaultAlphabet::Latin1,
            DefaultAlphabet::Ascii,
        ])?,
        gsm: *u.choose(&[0, 1, 3, 0x10, 0xf0])?,
        ucs2: *u.choose(&[8, 0x18])?,
        header: *u.choose(&[Some(6), Some(7), None])?,
    };
    let beyond = u.ratio(1, 3)?;
    let repeat = u.int_in_range(1..=4)?;
    let mut text = String::new();
    while !u.is_empty() {
        let octet: u8 = u.arbitrary()?;
        let c = match alphabet::character(octet & 0x7f, octet > 127) {
            Some(c) => c,
            None if beyond => *u.choose(&['م', '😀', 'ç', 'œ', '\u{ffff}', '\u{d7ff}'])?,
            None => '€',
        };
        text.push(c);
    }
    check_text(&text.repeat(repeat), &writing);
    Ok(())
}

/// What is written fits its parts, splits no pair, and is read as it was, alone or joined.
fn check_text(text: &str, writing: &Writing) {
    let text = &text.replace('\u{feff}', "");
    let Ok(written) = text::encode_as(text, writing) else {
        assert!(text.chars().count() > 10_000);
        return;
    };
    let units = text::is_ucs2(written.data_coding);
    let air = |part: &[u8]| match (units, written.data_coding) {
        (true, _) => part.len().div_ceil(2),
        (false, _) => {
            let back = text::decode_as(writing.zero, written.data_coding, part);
            alphabet::cost(&back, alphabet::Alphabet::Gsm7).unwrap_or(usize::MAX)
        }
    };
    let max = match (units, written.parts.len(), writing.header) {
        (_, _, None) => usize::MAX,
        (true, 1, _) => 70,
        (false, 1, _) => 160,
        (true, _, Some(6)) => 67,
        (false, _, Some(6)) => 153,
        (true, _, Some(_)) => 66,
        (false, _, Some(_)) => 152,
    };
    assert!(written.parts.iter().all(|part| air(part) <= max));
    if writing.header.is_none() {
        assert_eq!(written.parts.len(), 1);
    }
    let alone: String = written
        .parts
        .iter()
        .map(|part| text::decode_as(writing.zero, written.data_coding, part))
        .collect();
    assert_eq!(&alone, text);
}
