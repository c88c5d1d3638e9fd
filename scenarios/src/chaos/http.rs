//! As much of an HTTP/1.1 server as a receiver of webhooks needs.
use std::io::{BufRead, Read as _, Write};

use anyhow::Result;

/// Bodies of more are not read.
const MAX_BODY: u64 = 1 << 20;

/// One request.
pub(super) struct Received {
    /// The body.
    pub(super) body: Vec<u8>,
}

/// The next request of a connection; `None` when the peer has closed it.
pub(super) fn receive(from: &mut impl BufRead) -> Result<Option<Received>> {
    let mut line = String::new();
    if from.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut length = 0;
    loop {
        line.clear();
        from.read_line(&mut line)?;
        let Some((name, value)) = line.trim().split_once(':') else {
            break;
        };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse()?;
        }
    }
    let mut body = Vec::new();
    from.take(u64::min(length, MAX_BODY))
        .read_to_end(&mut body)?;
    Ok(Some(Received { body }))
}

/// Answers 200 with JSON.
pub(super) fn answer(to: &mut impl Write, json: &str) -> Result<()> {
    write!(
        to,
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{json}",
        json.len()
    )?;
    Ok(to.flush()?)
}

#[cfg(test)]
mod tests {
    use super::receive;

    #[test]
    fn two_requests_on_one_connection() {
        let mut wire =
            &b"POST /a HTTP/1.1\r\nContent-Length: 2\r\n\r\nhiGET /b HTTP/1.1\r\nhost: x\r\n\r\n"[..];
        assert_eq!(receive(&mut wire).unwrap().unwrap().body, b"hi");
        assert!(receive(&mut wire).unwrap().unwrap().body.is_empty());
        assert!(receive(&mut wire).unwrap().is_none());
    }
}
