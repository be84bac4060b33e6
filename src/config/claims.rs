//! A room's `[identity]`: what it makes of the site's own identities.

use std::str::FromStr;

use crate::domain::identity::{IdentityTerms, LaneRule, Places, Without};
use crate::domain::lane::LaneSettings;
use crate::domain::room::RoomName;
use crate::text::table::{Reader, Table};
use crate::text::value::{Placed, Value};
use crate::text::wording::closest;

/// A room's terms, with the place of the provider's name.
pub(super) struct IdentityText {
    pub provider: Placed<RoomName>,
    pub terms: IdentityTerms,
}

/// The name or a value of a claim.
struct Word(String);

impl FromStr for Word {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = (1..=255).contains(&text.len()) && !text.contains(char::is_control);
        fits.then(|| Self(text.to_owned()))
            .ok_or("1 to 255 bytes without control characters")
    }
}

/// Reads `[identity]` of a room with these lanes; `None` where a fault was noted.
#[expect(
    clippy::option_option,
    reason = "the outer `None` is a fault already noted"
)]
pub(super) fn read(room: &mut Table<'_>, lanes: &[LaneSettings]) -> Option<Option<IdentityText>> {
    let Some(value) = room.take("identity") else {
        return Some(None);
    };
    let mut table = value.table()?;
    let (reader, at) = (table.reader(), table.span());
    let provider: Option<Placed<RoomName>> = table.required("provider").and_then(Value::placed);
    let one_place = table.take("one_place_per_identity").map(Value::flag);
    let words = [("sign_in", Without::SignIn), ("general", Without::General)];
    let without = table.take("without").map(|value| value.word(&words, &[]));
    let rules: Vec<_> = table
        .sections("lane")
        .into_iter()
        .map(|table| rule(table, lanes))
        .collect();
    table.finish();
    let places = if one_place.unwrap_or(Some(false))? {
        Places::One
    } else {
        Places::Any
    };
    // Who asks for one place each does not want any number of strangers beside them.
    let usual = match places {
        Places::One => Without::SignIn,
        Places::Any => Without::General,
    };
    let without = without.unwrap_or(Some(usual))?;
    if (places, without) == (Places::Any, Without::General) && rules.is_empty() {
        let message = "`[identity]` changes nothing: set `one_place_per_identity`, \
                       `without = \"sign_in\"`, or an `[[identity.lane]]`";
        reader.warn(at, message);
    }
    let provider = provider?;
    let terms = IdentityTerms {
        provider: provider.value.clone(),
        places,
        without,
        lanes: rules.into_iter().collect::<Option<_>>()?,
    };
    Some(Some(IdentityText { provider, terms }))
}

fn rule(mut table: Table<'_>, lanes: &[LaneSettings]) -> Option<LaneRule> {
    let reader = table.reader();
    let lane: Option<Placed<RoomName>> = table.required("lane").and_then(Value::placed);
    let claim = table.required("claim").map(words);
    let is = table.required("is").map(words);
    table.finish();
    let lane = lane?;
    known(reader, &lane, lanes);
    Some(LaneRule {
        lane: lane.value,
        claim: claim.filter(|words| !words.is_empty())?,
        is: is.filter(|words| !words.is_empty())?,
    })
}

fn words(value: Value<'_>) -> Vec<String> {
    let words = value.one_or_more::<Word>().into_iter();
    words.map(|word| word.value.0).collect()
}

/// Notes a lane that the room does not have.
fn known(reader: Reader<'_>, lane: &Placed<RoomName>, lanes: &[LaneSettings]) {
    let names = || lanes.iter().map(|lane| lane.name.as_str());
    if names().any(|name| name == lane.value.as_str()) {
        return;
    }
    let message = format!("the room has no lane `{}`", lane.value);
    reader.suggest(lane.at, message, closest(lane.value.as_str(), names()));
}
