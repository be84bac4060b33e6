//! The part of the site that nginx serves: files of every kind, redirects, errors.

use std::path::Path;
use std::time::{Duration, SystemTime};

/// nginx, for files below `/open` and `/buy`.
pub const CONTENT: &str = r#"
types { text/html html; text/css css; application/javascript js; application/json json; image/svg+xml svg;
        image/png png; text/plain txt; font/woff2 woff2; application/pdf pdf; }
default_type application/octet-stream;
server_tokens off;
gzip on; gzip_types text/css application/javascript application/json image/svg+xml text/plain;
gzip_min_length 64; gzip_vary on; gzip_http_version 1.0;
server {
  listen @listen;
  server_name shop.example;
  root @dir/site;
  absolute_redirect off;
  charset utf-8; charset_types text/html text/plain;
  client_max_body_size 64k;
  error_page 404 /404.html;
  location ~ /moved$ { return 301 /open/index.html?from=moved; }
  location ~ /found$ { return 302 https://pay.example/start?back=%2Fopen; }
  location ~ /see-other$ { return 303 /open/; }
  location ~ /temporary$ { return 307 $request_uri/again; }
  location ~ /permanent$ { return 308 ../index.html; }
  location ~ /gone$ { return 410; }
  location ~ /teapot$ { return 418 "short and stout"; }
  location ~ /nothing$ { return 204; }
  location ~ /unavailable$ { add_header Retry-After 30 always; return 503 "later"; }
  location ~ /broken$ { return 500; }
  location ~ /timeout$ { return 504; }
  location ~ /secret$ { deny all; }
  location ~ /members$ { auth_basic "members"; auth_basic_user_file @dir/nobody; }
  location ~ /cookies$ {
    add_header Set-Cookie "a=1; Path=/"; add_header Set-Cookie "b=2; HttpOnly; Secure; SameSite=Strict";
    add_header Set-Cookie "c=\"x y\"; Expires=Wed, 21 Oct 2037 07:28:00 GMT"; return 200 "three cookies";
  }
  location ~ /query$ { return 200 "$args"; }
  location ~ /host$ { return 200 "$host"; }
  location ~ /agent$ { return 200 "$http_user_agent|$http_accept_language|$http_x_own"; }
  location ~ /lengthy$ { return 200 "$http_x_long"; }
  location ~ \.css$ { add_header Cache-Control "max-age=3600, public"; }
  location ~ \.js$ { expires epoch; }
  location ~ \.woff2$ { add_header Access-Control-Allow-Origin *; add_header Cache-Control immutable; }
}
"#;

/// The files: name, and how often a line is repeated in it.
pub const FILES: [(&str, usize); 14] = [
    ("index.html", 40),
    ("style.css", 200),
    ("shop.js", 500),
    ("seats.json", 900),
    ("map.svg", 60),
    ("logo.png", 30),
    ("notes.txt", 20),
    ("font.woff2", 400),
    ("plan.pdf", 3_000),
    ("data.bin", 50_000),
    ("empty.txt", 0),
    ("with space.txt", 5),
    ("straße.txt", 5),
    ("sub/index.html", 10),
];

/// Lays out the site below a folder, every file of the same old date.
pub fn furnish(dir: &Path) {
    let date = SystemTime::UNIX_EPOCH + Duration::from_secs(1_760_000_000);
    let write = |path: &Path, text: &str| {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        std::fs::File::options()
            .append(true)
            .open(path)
            .unwrap()
            .set_modified(date)
            .unwrap();
    };
    for prefix in ["open", "buy"] {
        for (name, lines) in FILES {
            let text: String = (0..lines)
                .map(|line| format!("{name} line {line}: seats and prices\n"))
                .collect();
            write(&dir.join("site").join(prefix).join(name), &text);
        }
    }
    write(&dir.join("site/404.html"), "<h1>not here</h1>\n");
    write(&dir.join("nobody"), "");
}
