//! A minimal ESME that answers each text with the same text and keeps nothing: what a gateway's
//! figure is measured against.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use super::wire::{self, ANSWER, BIND_TRANSCEIVER, DELIVER_SM, ENQUIRE_LINK, SUBMIT_SM, UNBIND};

const READ_BYTES: usize = 256 * 1024;

/// Binds to the centre at `address` and echoes until the connection ends.
///
/// # Errors
/// What the connection says, or a stream that is none of PDUs.
pub fn run(address: SocketAddr) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let mut out = Vec::new();
    wire::put(
        &mut out,
        BIND_TRANSCEIVER,
        0,
        1,
        &wire::bind_body("echo", "secret"),
    );
    let mut sequence = 1;
    let mut buffer = vec![0; READ_BYTES];
    let mut filled = 0;
    loop {
        stream.write_all(&out)?;
        out.clear();
        let read = stream.read(&mut buffer[filled..])?;
        if read == 0 {
            return Ok(());
        }
        filled += read;
        let mut rest = &buffer[..filled];
        while let Some((pdu, behind)) = wire::cut(rest).map_err(std::io::Error::other)? {
            rest = behind;
            match pdu.id {
                DELIVER_SM => {
                    wire::put(&mut out, DELIVER_SM | ANSWER, 0, pdu.sequence, &[0]);
                    if let Some(sm) = wire::sm(pdu.body).filter(|sm| !sm.receipt) {
                        sequence += 1;
                        let text = |octets| std::str::from_utf8(octets).unwrap_or_default();
                        let (body, _) =
                            wire::sm_body(text(sm.destination), text(sm.source), false, b"echo");
                        wire::put(&mut out, SUBMIT_SM, 0, sequence, &body);
                    }
                }
                ENQUIRE_LINK | UNBIND => wire::put(&mut out, pdu.id | ANSWER, 0, pdu.sequence, &[]),
                // Answers to what was sent.
                _ => {}
            }
        }
        let left = rest.len();
        buffer.copy_within(filled - left..filled, 0);
        filled = left;
    }
}
