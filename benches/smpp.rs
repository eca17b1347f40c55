//! How fast the pure part of SMPP is, on one core.
//!
//! `cargo bench --bench smpp`. A figure counts PDUs, texts or parts a second ("elem/s").

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "benches"
)]

use std::hint::black_box;

use bytes::BytesMut;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use jisr::screen::halves;
use jisr::smpp::command::Status;
use jisr::smpp::frame::{self, Frame};
use jisr::smpp::pdu::{self, Address, Pdu, Sm};
use jisr::smpp::text::{self, DefaultAlphabet};
use jisr::smpp::tlv::{self, Tlvs};
use jisr::smpp::{part, receipt};

/// PDUs in one buffer, as many as one write of a busy link holds.
const BATCH: usize = 100;

fn parameters() -> Vec<u8> {
    let mut raw = Vec::new();
    put_parameters(&mut raw);
    raw
}

fn put_parameters(raw: &mut Vec<u8>) {
    tlv::put(raw, 0x0204, &[0, 7]);
    tlv::put(raw, 0x0501, &[2]);
    tlv::put(raw, 0x1383, &[1, 2]);
}

/// A submit_sm of 191 octets with three parameters.
fn submit(parameters: &[u8]) -> Sm<'_> {
    const TEXT: &[u8] = b"Votre numero d'immatriculation est 104882317. Gardez ce message. Plus d'informations: 3939 ou l'agence de Rabat.";
    Sm {
        source: Address {
            ton: 0,
            npi: 1,
            octets: b"3949",
        },
        destination: Address {
            ton: 1,
            npi: 1,
            octets: b"212661000001",
        },
        validity: b"000000000500000R",
        registered_delivery: 1,
        short_message: &TEXT[..109],
        tlvs: Tlvs::new(parameters),
        ..Sm::default()
    }
}

fn wire(c: &mut Criterion) {
    let parameters = parameters();
    let sm = Pdu::SubmitSm(submit(&parameters));
    let octets = sm.encode(Status::OK, 7).unwrap();
    assert_eq!(octets.len(), 191);
    let frame: Frame = frame::cut(&mut BytesMut::from(&octets[..]))
        .unwrap()
        .unwrap();

    let mut group = c.benchmark_group("submit_sm");
    group.throughput(Throughput::Elements(1));
    group.bench_function("decode", |b| {
        b.iter(|| black_box(pdu::decode(black_box(&frame))).is_ok());
    });
    group.bench_function("decode and find a parameter", |b| {
        b.iter(|| match pdu::decode(black_box(&frame)) {
            Ok((Pdu::SubmitSm(sm), _)) => black_box(sm.tlvs.number(0x1383)),
            other => panic!("{other:?}"),
        });
    });
    group.bench_function("encode alone", |b| {
        b.iter(|| black_box(black_box(&sm).encode(Status::OK, 7)).is_ok());
    });
    group.throughput(Throughput::Elements(BATCH as u64));
    group.bench_function("encode into a buffer", |b| {
        let mut out = Vec::with_capacity(BATCH * octets.len());
        b.iter(|| {
            out.clear();
            for sequence in 0..BATCH as u32 {
                black_box(&sm)
                    .encode_into(Status::OK, sequence, &mut out)
                    .unwrap();
            }
            black_box(&out).len()
        });
    });
    group.bench_function("encode into a buffer, with its parameters", |b| {
        let mut out = Vec::with_capacity(BATCH * octets.len());
        let mut raw = Vec::with_capacity(64);
        b.iter(|| {
            out.clear();
            for sequence in 0..BATCH as u32 {
                raw.clear();
                put_parameters(&mut raw);
                Pdu::SubmitSm(submit(black_box(&raw)))
                    .encode_into(Status::OK, sequence, &mut out)
                    .unwrap();
            }
            black_box(&out).len()
        });
    });
    let stream = octets.repeat(BATCH);
    group.bench_function("cut and decode a stream", |b| {
        let mut buffer = BytesMut::with_capacity(2 * stream.len());
        b.iter(|| {
            buffer.extend_from_slice(black_box(&stream));
            let mut stray = 0;
            while let Some(frame) = frame::cut(&mut buffer).unwrap() {
                stray += pdu::decode(&frame).unwrap().1;
            }
            stray
        });
    });
    group.finish();
}

fn messages(c: &mut Criterion) {
    let mut group = c.benchmark_group("messages");
    group.throughput(Throughput::Elements(1));
    let told = Sm {
        esm_class: 4,
        short_message: b"id:0123456789 sub:001 dlvrd:001 submit date:2409011200 done date:2409011201 stat:DELIVRD err:000 text:Votre numero",
        ..Sm::default()
    };
    group.bench_function("read a receipt", |b| {
        b.iter(|| receipt::read(black_box(&told)).is_some());
    });
    let french = "Numéro à vérifier, où êtes-vous? "
        .replace('ê', "e")
        .repeat(12);
    let arabic = "رقم التسجيل الخاص بكم هو 104882317. ".repeat(6);
    for (name, long) in [("french, 3 parts", &french), ("arabic, 4 parts", &arabic)] {
        group.bench_function(format!("encode and split: {name}"), |b| {
            b.iter(|| text::encode(black_box(long)).unwrap().parts.len());
        });
        let octets = text::encode(long).unwrap();
        let total = u8::try_from(octets.parts.len()).unwrap();
        let bodies: Vec<Vec<u8>> = (1..=total)
            .zip(&octets.parts)
            .map(|(number, body)| [&part::header(7, total, number), &body[..]].concat())
            .collect();
        group.bench_function(format!("read and put together: {name}"), |b| {
            b.iter(|| {
                let texts: Vec<String> = bodies
                    .iter()
                    .map(|body| {
                        let sm = Sm {
                            esm_class: part::ESM_UDHI,
                            data_coding: octets.data_coding,
                            short_message: black_box(body),
                            ..Sm::default()
                        };
                        let (text, _) = part::read(&sm);
                        text::decode_part(DefaultAlphabet::Gsm, sm.data_coding, text)
                    })
                    .collect();
                halves::join(&texts).len()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, wire, messages);
criterion_main!(benches);
