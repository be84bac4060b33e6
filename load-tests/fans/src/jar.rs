//! A fan's cookies.

/// Cookies by name, in the order in which they came.
#[derive(Clone, Debug, Default)]
pub struct Jar {
    held: Vec<(String, String)>,
}

impl Jar {
    /// Keeps what one `Set-Cookie` line says; `Max-Age=0` throws the cookie away.
    pub fn keep(&mut self, line: &str) {
        let mut parts = line.split(';').map(str::trim);
        let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else {
            return;
        };
        let gone = parts.any(|word| word.eq_ignore_ascii_case("Max-Age=0"));
        self.held.retain(|(held, _)| held != name);
        if !gone {
            self.held.push((name.to_owned(), value.to_owned()));
        }
    }

    /// The value of one cookie.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&str> {
        let mut all = self.held.iter();
        all.find_map(|(held, value)| (held == name).then_some(value.as_str()))
    }

    /// The `Cookie` line, with its line break; nothing when there are none.
    #[must_use]
    pub fn line(&self) -> String {
        let pairs: Vec<String> = self
            .held
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        if pairs.is_empty() {
            return String::new();
        }
        format!("Cookie: {}\r\n", pairs.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_kept_replaced_and_thrown_away() {
        let mut jar = Jar::default();
        assert_eq!(jar.line(), "");
        jar.keep("q=1; Path=/; HttpOnly; Max-Age=600");
        jar.keep("a=x==; Path=/");
        jar.keep("q=2; Max-Age=600");
        assert_eq!(jar.value("q"), Some("2"));
        assert_eq!(jar.line(), "Cookie: a=x==; q=2\r\n");
        jar.keep("a=; Path=/; Max-Age=0");
        assert_eq!(jar.line(), "Cookie: q=2\r\n");
    }
}
