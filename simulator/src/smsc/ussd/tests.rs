//! Each dialect as octets, and what the platform takes and refuses.
#![allow(clippy::unwrap_used, clippy::expect_used)]
#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "rusmpp's lists are open; what is not expected fails"
)]

use super::*;
use crate::smsc::message::plain;
use rusmpp::tlvs::TlvValue;

const PHONE: &str = "+212661000001";

/// `DESTINATION|TEXT|op|id`, the id as "id" or "id+end".
fn shown(pdu: &DeliverSm, id: u16) -> String {
    let mut op = "none".to_owned();
    let mut session = String::new();
    for tlv in pdu.tlvs() {
        match tlv.value().unwrap() {
            TlvValue::UssdServiceOp(it) => op = format!("{:#04x}", u8::from(*it)),
            TlvValue::ItsSessionInfo(it) => {
                let it = u16::from_be_bytes([it.session_number, it.sequence_number]);
                assert_eq!(it & !1, id);
                session = format!("info{}", if it & 1 == 1 { "+end" } else { "" });
            }
            TlvValue::UserMessageReference(it) => {
                assert_eq!(it.value, id);
                session = "reference".to_owned();
            }
            other => panic!("{other:?}"),
        }
    }
    let text = String::from_utf8(pdu.short_message().as_ref().to_vec()).unwrap();
    format!("{}|{text}|{op}|{session}", plain(&pdu.destination_addr))
}

fn submitted(op: u8, info: Option<u16>, reference: Option<u16>) -> Submitted {
    Submitted {
        from: "580".into(),
        to: PHONE.into(),
        esm_class: 0,
        data_coding: 0x0f,
        registered_delivery: 0,
        octets: b"1. Oui".to_vec(),
        sar: None,
        ussd_op: Some(op),
        session_info: info,
        reference,
    }
}

#[test]
fn what_a_phone_does_in_each_dialect() {
    let mut lines = Vec::new();
    for dialect in Dialect::ALL {
        for seed in 0..8 {
            let mut chance = Seeded::new(seed);
            let mut sessions = Sessions::default();
            let dialled = sessions.dial(dialect, &mut chance, PHONE, "*580#").unwrap();
            let id = sessions.0[PHONE].id;
            assert!(id >= 2 && id & 1 == 0);
            lines.push(format!("{dialect} dial {}", shown(&dialled, id)));
            let pressed = sessions.press(dialect, &mut chance, PHONE, "1").unwrap();
            lines.push(format!("{dialect} press {}", shown(&pressed.unwrap(), id)));
            let aborted = sessions.abort(dialect, &mut chance, PHONE).unwrap();
            let aborted = aborted.map_or("not told".to_owned(), |pdu| shown(&pdu, id));
            lines.push(format!("{dialect} abort {aborted}"));
            assert_eq!(sessions.press(dialect, &mut chance, PHONE, "1"), Ok(None));
        }
    }
    lines.sort();
    lines.dedup();
    let expected = "\
default abort *580#||0x11|info
default abort *580#||0x12|info+end
default dial *580#||0x01|info
default press *580#|1|0x02|info
default press *580#|1|0x12|info
mica abort 580||0x81|reference
mica dial 580|*580#|0x01|reference
mica press 580|1|0x12|reference
notify abort 580||none|reference
notify dial 580|*580#|0x01|reference
notify press 580|1|0x12|reference
pssr abort not told
pssr dial *580#||0x01|info
pssr press *580#|1|0x12|info
sixdee abort 580||0x12|info+end
sixdee abort 580||0x81|info
sixdee dial *580#||0x01|info
sixdee dial 580|*580#|0x01|info
sixdee press 580|1|0x12|info";
    assert_eq!(lines.join("\n"), expected);
}

#[test]
fn what_the_platform_takes() {
    // Per dialect: the parameters of a screen that waits, then of the last one.
    let table = [
        (Dialect::Default, (0x02, false), (0x02, true)),
        (Dialect::Sixdee, (0x02, false), (0x17, true)),
        (Dialect::Mica, (0x02, false), (0x17, false)),
        (Dialect::Pssr, (0x02, false), (0x11, false)),
        (Dialect::Notify, (0x02, false), (0x03, false)),
    ];
    for (dialect, wait, end) in table {
        let mut sessions = Sessions::default();
        let mut chance = Seeded::new(1);
        sessions.dial(dialect, &mut chance, PHONE, "*580#").unwrap();
        let id = sessions.0[PHONE].id;
        let with = |(op, bit): (u8, bool), id: u16| match dialect.rules().id_in {
            IdIn::SessionInfo | IdIn::SessionInfoEchoed => {
                submitted(op, Some(id | u16::from(bit)), None)
            }
            IdIn::Reference => submitted(op, None, Some(id)),
        };
        for (refused, status) in [
            (with(wait, id ^ 0x10), CommandStatus::EsmeRinvdstadr),
            (with((0x55, false), id), CommandStatus::EsmeRinvtlvval),
            (submitted(0x02, None, None), CommandStatus::EsmeRmissingtlv),
        ] {
            assert_eq!(sessions.reply(dialect, &refused), Err(status), "{dialect}");
        }
        let screen = |open| Screen {
            text: "1. Oui".into(),
            open,
        };
        let shown = sessions.reply(dialect, &with(wait, id)).unwrap();
        assert_eq!(shown.screen, screen(true), "{dialect}");
        assert_eq!(shown.confirmation, None);
        let last = sessions.reply(dialect, &with(end, id)).unwrap();
        assert_eq!(last.screen, screen(false), "{dialect}");
        assert_eq!(last.confirmation.is_some(), dialect == Dialect::Notify);
        let late = sessions.reply(dialect, &with(end, id));
        assert_eq!(late, Err(CommandStatus::EsmeRinvdstadr), "{dialect}");
    }
}
