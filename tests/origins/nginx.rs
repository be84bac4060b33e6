//! nginx as an origin over TLS.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;
use tokio::net::TcpStream;

use super::papers;
use crate::kit::process::free_listener;
use crate::kit::until;

/// A running nginx that says of each request what was spoken, whether the caller's certificate was
/// good, and what was asked for.
pub struct Nginx {
    /// Where it listens, for HTTP/2 and HTTP/1.1 over TLS.
    pub address: SocketAddr,
    child: Child,
    _dir: TempDir,
}

impl Nginx {
    /// One that shows this certificate, with further lines of its `server`.
    pub async fn showing(certificate: &str, lines: &str) -> Self {
        let listener = free_listener();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let dir = TempDir::new().unwrap();
        let root = dir.path().display();
        let mut text = format!(
            "daemon off;\nmaster_process off;\npid {root}/pid;\nerror_log stderr;\n\
             events {{ worker_connections 64; }}\nhttp {{\naccess_log off;\n"
        );
        for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"] {
            let _ = writeln!(text, "{kind}_temp_path {root}/{kind};");
        }
        let (chain, key) = (
            papers(&format!("{certificate}.pem")),
            papers(&format!("{certificate}.key")),
        );
        let _ = write!(
            text,
            "server {{\nlisten {address} ssl http2;\nssl_certificate {chain};\n\
             ssl_certificate_key {key};\n{lines}\nlocation / {{\n\
             return 200 \"$server_protocol $ssl_client_verify $request_uri\\n\";\n}}\n}}\n}}\n"
        );
        let file = dir.path().join("nginx.conf");
        std::fs::write(&file, text).unwrap();
        let mut child = Command::new("/usr/sbin/nginx")
            .arg("-p")
            .arg(dir.path())
            .arg("-c")
            .arg(&file)
            .args(["-g", "error_log stderr;"])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("nginx is installed");
        until("nginx listens", || {
            let ended = child.try_wait().unwrap();
            assert!(ended.is_none(), "nginx ended: {ended:?}");
            async move { TcpStream::connect(address).await.ok() }
        })
        .await;
        Self {
            address,
            child,
            _dir: dir,
        }
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
