//! The ticket site's WebSocket: it says back whatever it hears. The query says what is wrong with
//! its handshake.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::Arrived;
use super::shop::{Shop, words};

impl Shop {
    /// Answers a handshake; every socket is the last of its connection.
    pub(super) async fn socket(&mut self, asked: &Arrived) -> Option<()> {
        let (_, manner) = asked.target().split_once('?').unwrap_or_default();
        if asked.all("upgrade") != ["websocket"] || asked.all("connection") != ["upgrade"] {
            return self.say("426 Upgrade Required", "", b"speak").await;
        }
        if manner == "forbidden" {
            return self.say("403 Forbidden", "", b"not you").await;
        }
        let text = format!(
            "{}258EAFA5-E914-47DA-95CA-C5AB0DC85B11",
            asked.all("sec-websocket-key")[0]
        );
        let accept = STANDARD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes()));
        let good = [
            "connection: Upgrade".to_owned(),
            "upgrade: websocket".to_owned(),
            format!("sec-websocket-accept: {accept}"),
        ];
        let [connection, upgrade, accept] = good.clone();
        let lines: Vec<String> = match manner {
            "no-accept" => vec![connection, upgrade],
            "other-accept" => vec![
                connection,
                upgrade,
                "sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOp=".into(),
            ],
            "h2c" => vec![connection, "upgrade: h2c".into(), accept],
            "both" => vec![connection, "upgrade: websocket, h2c".into(), accept],
            "unsaid" => vec![upgrade, accept],
            _ => [
                good.to_vec(),
                vec![
                    "sec-websocket-protocol: chat".into(),
                    "set-cookie: basket=7".into(),
                    "set-cookie: anteroom-a-derby=forged".into(),
                ],
            ]
            .concat(),
        };
        let greeting = if manner == "greets" {
            "\u{1}\u{5}hello"
        } else {
            ""
        };
        let head = format!(
            "HTTP/1.1 101 Switching Protocols\r\n{}\r\n{}\r\n{greeting}",
            lines.join("\r\n"),
            words(asked.target())
        );
        self.stream.write_all(head.as_bytes()).await.ok()?;
        self.echo(manner).await;
        None
    }

    async fn echo(&mut self, manner: &str) {
        loop {
            let bytes = std::mem::take(&mut self.unread);
            self.keep(&bytes);
            if self.stream.write_all(&bytes).await.is_err()
                || (manner == "short" && !bytes.is_empty())
            {
                return;
            }
            if self.stream.read_buf(&mut self.unread).await.unwrap_or(0) == 0 {
                return;
            }
        }
    }
}
