//! The wire's words and the machine's.
//!
//! | server says | calling | being called |
//! |---|---|---|
//! | `answer` (to an offer) | it proceeds | nothing new |
//! | `ringing`, `answered` | it rings there; they answered | – |
//! | `cancel`, `bye` with `elsewhere` | elsewhere | elsewhere |
//! | `cancel` | – | they gave up |
//! | `bye` with `busy`, `declined` | busy; declined | it is over |
//! | any other `bye` | nobody answered; after the answer: it is over | it is over |

use super::super::fsm::Message;
use waybell_domain::wire::{AppBye, AppSaid};

/// What the machine is told of what the server says; `None` for nothing.
pub(super) fn heard(said: &AppSaid) -> Option<Message> {
    Some(match said {
        AppSaid::Invite { .. } => Message::Invite,
        AppSaid::Answer { .. } => Message::Proceeding,
        AppSaid::Ringing => Message::Ringing,
        AppSaid::Answered => Message::Answer,
        AppSaid::Cancel { reason: Some(AppBye::Elsewhere) }
        | AppSaid::Bye { reason: Some(AppBye::Elsewhere), .. } => Message::Elsewhere,
        AppSaid::Cancel { .. } => Message::Cancel,
        AppSaid::Bye { reason: Some(AppBye::Busy), .. } | AppSaid::Busy => Message::Busy,
        AppSaid::Bye { reason: Some(AppBye::Declined), .. } => Message::Decline,
        AppSaid::Bye { .. } => Message::Bye,
        AppSaid::Hold => Message::Hold,
        AppSaid::Resume => Message::Resume,
        // the server never offers, its candidates are in its answers, and acknowledgements are not for the machine
        AppSaid::Restart { .. } | AppSaid::Candidate { .. } | AppSaid::Ack { .. } => return None,
    })
}

/// What of the machine's words needs no offer.
pub(super) fn plain(message: Message) -> Option<AppSaid> {
    let bye = |reason| Some(AppSaid::Bye { reason: Some(reason), text: None });
    match message {
        Message::Ringing => Some(AppSaid::Ringing),
        Message::Cancel => Some(AppSaid::Cancel { reason: None }),
        Message::Decline => bye(AppBye::Declined),
        Message::Busy => Some(AppSaid::Busy),
        Message::Hold => Some(AppSaid::Hold),
        Message::Resume => Some(AppSaid::Resume),
        Message::Bye => bye(AppBye::HungUp),
        // these go with an offer, or are the server's
        Message::Invite | Message::Answer | Message::Restart | Message::Proceeding | Message::Elsewhere => {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_server_says_is_what_the_machine_is_told() {
        let bye = |reason| AppSaid::Bye { reason, text: None };
        for (said, told) in [
            (AppSaid::Answer { sdp: String::new() }, Some(Message::Proceeding)),
            (AppSaid::Answered, Some(Message::Answer)),
            (AppSaid::Cancel { reason: Some(AppBye::Elsewhere) }, Some(Message::Elsewhere)),
            (AppSaid::Cancel { reason: Some(AppBye::Missed) }, Some(Message::Cancel)),
            (bye(Some(AppBye::Busy)), Some(Message::Busy)),
            (bye(Some(AppBye::Declined)), Some(Message::Decline)),
            (bye(Some(AppBye::Gone)), Some(Message::Bye)),
            (bye(None), Some(Message::Bye)),
            (AppSaid::Ack { of: 1 }, None),
        ] {
            assert_eq!(heard(&said), told, "{said:?}");
        }
    }

    #[test]
    fn what_goes_without_an_offer_is_what_the_server_takes() {
        assert_eq!(
            plain(Message::Decline),
            Some(AppSaid::Bye { reason: Some(AppBye::Declined), text: None })
        );
        assert_eq!(plain(Message::Cancel), Some(AppSaid::Cancel { reason: None }));
        assert!([Message::Invite, Message::Answer, Message::Restart].iter().all(|m| plain(*m).is_none()));
    }
}
