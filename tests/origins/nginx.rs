//! nginx as an origin over TLS.

use super::papers;
use crate::kit::Server;

/// An nginx that shows this certificate, with further lines of its `server`. It says of each
/// request what was spoken, whether the caller's certificate was good, and what was asked for.
pub async fn showing(certificate: &str, lines: &str) -> Server {
    let (chain, key) = (
        papers(&format!("{certificate}.pem")),
        papers(&format!("{certificate}.key")),
    );
    let content = format!(
        "server {{\nlisten @listen ssl http2;\nssl_certificate {chain};\n\
         ssl_certificate_key {key};\n{lines}\nlocation / {{\n\
         return 200 \"$server_protocol $ssl_client_verify $request_uri\\n\";\n}}\n}}"
    );
    Server::nginx(&content, |_| ()).await
}
