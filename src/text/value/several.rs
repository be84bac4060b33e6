//! Lists of strings.

use std::fmt::Display;
use std::str::FromStr;

use toml::de::DeValue;

use super::{Placed, Value};

impl<'a> Value<'a> {
    /// A list of strings that `T` can be read from. Those that cannot are noted and left out.
    #[must_use]
    pub fn each<T: FromStr<Err: Display>>(self) -> Vec<Placed<T>> {
        let items = self.list().unwrap_or_default();
        items.into_iter().filter_map(Value::placed).collect()
    }

    /// As [`Value::each`]; a single string counts as a list of one, an empty list is a fault.
    #[must_use]
    pub fn one_or_more<T: FromStr<Err: Display>>(self) -> Vec<Placed<T>> {
        let items = self.items().into_iter();
        items.filter_map(Value::placed).collect()
    }

    /// As [`Value::one_or_more`], of addresses in which a password may stand.
    #[must_use]
    pub fn one_or_more_addresses<T: FromStr<Err: Display>>(self) -> Vec<Placed<T>> {
        let items = self.items().into_iter();
        items.filter_map(Value::address).collect()
    }

    fn items(self) -> Vec<Self> {
        match &self.value {
            DeValue::String(_) => return vec![self],
            DeValue::Array(items) if items.is_empty() => {
                let message = format!("`{}` must list at least one", self.key);
                self.reader.fault(self.span, message);
            }
            _ => {}
        }
        self.list().unwrap_or_default()
    }
}
