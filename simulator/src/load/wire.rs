//! PDUs as octets, for loads only: made once as templates, patched and cut without reading them
//! whole, so that the outside is never what a measurement measures. The clauses are those of
//! SMPP 3.4.

/// `command_length`, `command_id`, `command_status`, `sequence_number` (3.2).
pub const HEADER_BYTES: usize = 16;

/// The longest PDU that a load takes.
const FRAME_BYTES_MAX: usize = 64 * 1024;

/// `command_id` (5.1.2.1).
pub const BIND_TRANSCEIVER: u32 = 0x0000_0009;
/// `command_id` (5.1.2.1).
pub const SUBMIT_SM: u32 = 0x0000_0004;
/// `command_id` (5.1.2.1).
pub const DELIVER_SM: u32 = 0x0000_0005;
/// `command_id` (5.1.2.1).
pub const UNBIND: u32 = 0x0000_0006;
/// `command_id` (5.1.2.1).
pub const ENQUIRE_LINK: u32 = 0x0000_0015;
/// The bit that makes an answer of a request.
pub const ANSWER: u32 = 0x8000_0000;

/// `esm_class` of a receipt (5.2.12).
const RECEIPT: u8 = 0x04;
/// `esm_class` with a user data header (5.2.12).
const UDHI: u8 = 0x40;

/// One PDU inside of a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut<'a> {
    /// `command_id`.
    pub id: u32,
    /// `command_status`.
    pub status: u32,
    /// `sequence_number`.
    pub sequence: u32,
    /// What follows the header.
    pub body: &'a [u8],
}

/// The stream is none of PDUs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("command_length {0} is none of a PDU")]
pub struct BadLength(u32);

/// Cuts the first PDU off `buffer`; none when it is not there whole.
///
/// # Errors
/// [`BadLength`].
pub fn cut(buffer: &[u8]) -> Result<Option<(Cut<'_>, &[u8])>, BadLength> {
    let Some(header) = buffer.first_chunk::<HEADER_BYTES>() else {
        return Ok(None);
    };
    let word = |at: usize| {
        u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
    };
    let length = usize::try_from(word(0)).unwrap_or(usize::MAX);
    if !(HEADER_BYTES..=FRAME_BYTES_MAX).contains(&length) {
        return Err(BadLength(word(0)));
    }
    if buffer.len() < length {
        return Ok(None);
    }
    let (pdu, rest) = buffer.split_at(length);
    let cut = Cut {
        id: word(4),
        status: word(8),
        sequence: word(12),
        body: &pdu[HEADER_BYTES..],
    };
    Ok(Some((cut, rest)))
}

/// Puts a PDU behind `out`.
pub fn put(out: &mut Vec<u8>, id: u32, status: u32, sequence: u32, body: &[u8]) {
    let length = u32::try_from(HEADER_BYTES + body.len()).unwrap_or(u32::MAX);
    for word in [length, id, status, sequence] {
        out.extend_from_slice(&word.to_be_bytes());
    }
    out.extend_from_slice(body);
}

/// The body of a `bind_transceiver` (4.1.5), with the names of a sample.
pub fn bind_body(system_id: &str, password: &str) -> Vec<u8> {
    let mut body = Vec::new();
    for text in [system_id, password, ""] {
        body.extend_from_slice(text.as_bytes());
        body.push(0);
    }
    // interface_version 3.4, addr_ton, addr_npi, an empty address_range.
    body.extend_from_slice(&[0x34, 0, 0, 0]);
    body
}

/// The body of a `submit_sm` or `deliver_sm` (4.4.1, 4.6.1), and where its text begins.
pub fn sm_body(source: &str, destination: &str, receipt: bool, text: &[u8]) -> (Vec<u8>, usize) {
    let mut body = vec![0];
    for (ton, address) in [
        (u8::from(source.len() > 6), source),
        (u8::from(destination.len() > 6), destination),
    ] {
        body.extend_from_slice(&[ton, 1]);
        body.extend_from_slice(address.as_bytes());
        body.push(0);
    }
    body.push(if receipt { RECEIPT } else { 0 });
    // protocol_id, priority, both times, registered_delivery, replace_if_present, data_coding,
    // sm_default_msg_id.
    body.extend_from_slice(&[0; 8]);
    body.push(u8::try_from(text.len()).unwrap_or(u8::MAX));
    let begin = body.len();
    body.extend_from_slice(text);
    (body, begin)
}

/// What a load wants to know of a `submit_sm` or `deliver_sm`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sm<'a> {
    /// From.
    pub source: &'a [u8],
    /// To.
    pub destination: &'a [u8],
    /// Whether it is a receipt.
    pub receipt: bool,
    /// Of how many parts it is one, by the user data header with 8-bit references (3GPP TS 23.040,
    /// 9.2.3.24.1).
    pub parts: u8,
}

/// Reads the body of a `submit_sm` or `deliver_sm`; none when it is too short.
pub fn sm(body: &[u8]) -> Option<Sm<'_>> {
    let (_service_type, rest) = text(body)?;
    let (source, rest) = text(rest.get(2..)?)?;
    let (destination, rest) = text(rest.get(2..)?)?;
    let (&esm_class, rest) = rest.split_first()?;
    let (_schedule, rest) = text(rest.get(2..)?)?;
    let (_validity, rest) = text(rest)?;
    let short_message = rest.get(5..)?;
    let parts = match short_message {
        [5, 0, 3, _reference, total, ..] if esm_class & UDHI != 0 => *total,
        _ => 1,
    };
    Some(Sm {
        source,
        destination,
        receipt: esm_class & 0x3c == RECEIPT,
        parts,
    })
}

fn text(octets: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = octets.iter().position(|octet| *octet == 0)?;
    Some((&octets[..end], &octets[end + 1..]))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use crate::smsc::frame::Cutter;
    use bytes::BytesMut;
    use rusmpp::Pdu;
    use tokio_util::codec::Decoder;

    /// What rusmpp reads of it.
    fn rusmpp(octets: &[u8]) -> Pdu {
        let frame = Cutter.decode(&mut BytesMut::from(octets)).unwrap().unwrap();
        frame.read().unwrap().pdu().unwrap().clone()
    }

    #[test]
    fn what_is_put_is_what_others_read() {
        let mut out = Vec::new();
        let (body, begin) = sm_body("212661000001", "5800", false, b"TNS");
        assert_eq!(&body[begin..], b"TNS");
        put(&mut out, DELIVER_SM, 0, 7, &body);
        let Pdu::DeliverSm(read) = rusmpp(&out) else {
            panic!()
        };
        assert_eq!(read.source_addr.as_ref(), b"212661000001\0");
        assert_eq!(read.destination_addr.as_ref(), b"5800\0");
        assert_eq!(read.short_message().as_ref(), b"TNS");
        let mut out = Vec::new();
        put(
            &mut out,
            BIND_TRANSCEIVER,
            0,
            1,
            &bind_body("load", "secret"),
        );
        let Pdu::BindTransceiver(read) = rusmpp(&out) else {
            panic!()
        };
        assert_eq!(read.system_id.as_ref(), b"load\0");
    }

    #[test]
    fn pdus_are_cut_in_any_pieces() {
        let mut out = Vec::new();
        let (body, _) = sm_body("5800", "212661000001", true, b"id:1");
        put(&mut out, SUBMIT_SM, 0, 9, &body);
        put(&mut out, ENQUIRE_LINK, 0, 10, &[]);
        let first = out.len() - HEADER_BYTES;
        for end in 0..first {
            assert_eq!(cut(&out[..end]), Ok(None));
        }
        let (one, rest) = cut(&out).unwrap().unwrap();
        assert_eq!((one.id, one.sequence), (SUBMIT_SM, 9));
        let read = sm(one.body).unwrap();
        assert_eq!(
            (read.source, read.destination),
            (&b"5800"[..], &b"212661000001"[..])
        );
        assert_eq!((read.receipt, read.parts), (true, 1));
        assert_eq!(cut(rest).unwrap().unwrap().0.id, ENQUIRE_LINK);
        assert_eq!(
            cut(&[0, 0, 0, 15, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
            Err(BadLength(15))
        );
        let (mut parts, begin) = sm_body("5800", "212661000001", false, &[5, 0, 3, 1, 4, 2, 65]);
        assert_eq!(sm(&parts).unwrap().parts, 1, "no header is told");
        parts[begin - 10] = UDHI;
        assert_eq!(sm(&parts).unwrap().parts, 4);
        assert_eq!(sm(&parts[..9]), None);
    }
}
