//! One answer as it came over the wire, and what a test says of it.

use std::fmt;

use serde_json::Value;

/// An answer, its body without chunk framing.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Names in lower case and values, in the order of arrival.
    pub fields: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.status)?;
        for (name, value) in &self.fields {
            writeln!(f, "{name}: {value}")?;
        }
        let body: String = String::from_utf8_lossy(&self.body)
            .chars()
            .take(2_000)
            .collect();
        writeln!(f, "\n{body}")
    }
}

/// A cookie as an answer sets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetCookie {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
    /// The attributes after the value, as sent.
    pub attributes: Vec<String>,
}

impl Answer {
    /// The value of a header that stands there at most once.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.all(name);
        assert!(found.len() <= 1, "{name} stands {} times", found.len());
        found.first().copied()
    }

    /// Every value of a header.
    pub fn all(&self, name: &str) -> Vec<&str> {
        let fields = self.fields.iter();
        fields
            .filter(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
            .collect()
    }

    /// The body as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|_| panic!("no JSON: {} {:?}", self.status, self.text()))
    }

    /// One field of the JSON body.
    pub fn says(&self, key: &str) -> Value {
        self.json()[key].clone()
    }

    /// The cookies it sets.
    pub fn cookies(&self) -> Vec<SetCookie> {
        let lines = self.all("set-cookie").into_iter();
        lines
            .map(|line| {
                let mut parts = line.split(';').map(str::trim);
                let (name, value) = parts.next().unwrap().split_once('=').unwrap();
                SetCookie {
                    name: name.to_owned(),
                    value: value.to_owned(),
                    attributes: parts.map(str::to_owned).collect(),
                }
            })
            .collect()
    }

    /// Whether the ticket site made it.
    pub fn is_from_the_shop(&self) -> bool {
        self.status == 200 && self.text().contains(super::origin::OWN_TEXT)
    }

    /// Demands the shop's own answer.
    #[track_caller]
    pub fn is_served(&self) -> &Self {
        assert!(self.is_from_the_shop(), "not served: {self:?}");
        self
    }

    /// Demands the queue, as page or JSON, and nothing of the shop's.
    #[track_caller]
    pub fn is_queue(&self) -> &Self {
        let is_page = self.status == 200 && self.text().contains("id=\"line\"");
        let is_json = self.status == 429 && self.says("room").is_string();
        let waits = (is_page || is_json) && !self.text().contains(super::origin::OWN_TEXT);
        assert!(waits, "not the queue: {self:?}");
        self
    }

    /// Demands the status JSON of somebody who waits with `ahead` before.
    #[track_caller]
    pub fn is_waiting(&self, ahead: u64) -> &Self {
        self.is_queue();
        let json = self.json();
        assert_eq!(json["state"], "waiting", "{json}");
        assert_eq!(json["ahead"], ahead, "{json}");
        assert_eq!(json["position"], ahead + 1, "{json}");
        self
    }

    /// Demands a status code.
    #[track_caller]
    pub fn is(&self, status: u16) -> &Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }
}
