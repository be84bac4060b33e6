//! What went wrong, in English.

use super::super::FaultWords;

/// For who may have left a name out.
const OWNER_OF_421: &str = "Do you run this site? Its name stands in \u{201c}hosts\u{201d} of its [[site]], and over https a certificate covers it.";

/// The words of a page that answers with this status code.
pub(super) fn fault(code: u16) -> FaultWords {
    let (head, lead) = match code {
        403 => (
            "That isn\u{2019}t allowed here",
            "This request was refused. If you think that is a mistake, please tell the organiser.",
        ),
        404 => (
            "There is no such page",
            "The address leads nowhere. It may have been mistyped, or the page has moved.",
        ),
        405 => (
            "That doesn\u{2019}t work here",
            "This address can\u{2019}t be used in that way.",
        ),
        408 => (
            "That took too long",
            "Your request didn\u{2019}t arrive whole in time. Please check your connection and try again.",
        ),
        413 => (
            "That is too large",
            "What was sent is larger than this site takes.",
        ),
        414 => (
            "This address is too long",
            "It is longer than this site takes. Go back and look for another way to the page, or begin at the site\u{2019}s first page.",
        ),
        421 => (
            "No site of that name is here",
            "The address leads to this server, but no site of that name is here. Please check the address for a typing error.",
        ),
        429 => (
            "One moment, please",
            "Too many requests came from your connection at once. Wait a little, then try again; a place in line is not lost.",
        ),
        431 => (
            "Your browser sent too much",
            "With each page your browser sends along what sites have stored in it, its cookies. For this site they have become more than it takes. Open the site in a private window, or delete this site\u{2019}s cookies, and try again. A place in line is kept in a cookie too: without it you join anew.",
        ),
        502 => (
            "The site has a problem",
            "It isn\u{2019}t answering as it should. If you had been let in, you still are: wait a moment, then try again.",
        ),
        503 => (
            "Back in a moment",
            "The site can\u{2019}t take this request right now. If you had been let in, you still are: wait a moment, then try again.",
        ),
        504 => (
            "The site is taking too long",
            "It hasn\u{2019}t answered in time. If you had been let in, you still are: wait a moment, then try again.",
        ),
        500.. => (
            "Something went wrong on our side",
            "This is not your fault. Please wait a moment, then try again.",
        ),
        _ => (
            "We couldn\u{2019}t read that",
            "Something about the request was not as it should be. Please go back and try again.",
        ),
    };
    let owner = match code {
        421 => OWNER_OF_421,
        _ => "",
    };
    FaultWords { head, lead, owner }
}
