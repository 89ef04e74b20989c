//! One stop by its name, for "ring this building".

use super::Search;
use crate::error::{Error, Result};
use crate::tasks::Stop;
use waybell_domain::search::{Fit, Picker, Text};

/// Names that an error lists.
const NAMED: usize = 5;

impl Search {
    /// The stop that a courier means by `name`, of those that [`Tasks::stops`](crate::tasks::Tasks::stops) gives with open
    /// parcels: the one that is called so, else the only one whose name answers as a search does (`xfhy3`, `花园 3`).
    ///
    /// # Errors
    /// `BadInput` if there is none or several; it names some of them.
    pub async fn stop(&self, name: &str) -> Result<Stop> {
        let stops = self.client.tasks().stops(true).await?;
        one(stops, name)
    }
}

fn one(stops: Vec<Stop>, name: &str) -> Result<Stop> {
    let (asked, picker) = (Text::new(name.trim()), Picker::new(name));
    let fit = |stop: &Stop| {
        let called = Text::new(&stop.name);
        // a name that is the beginning of another one's is a name too
        if called == asked { Some(None) } else { picker.fit(&called).map(Some) }
    };
    let mut found: Vec<(Option<Fit>, Stop)> =
        stops.into_iter().filter_map(|stop| Some((fit(&stop)?, stop))).collect();
    let closest = found.iter().map(|(fit, _)| *fit).min();
    found.retain(|(fit, _)| Some(*fit) == closest);
    match found.as_slice() {
        [_] => {}
        [] => {
            return Err(Error::bad(
                "stop",
                format!("there is no stop {name:?} with open parcels"),
                "see them with `waybell stops`",
            ));
        }
        several => {
            let names: Vec<&str> = several.iter().take(NAMED).map(|(_, stop)| stop.name.as_str()).collect();
            return Err(Error::bad(
                "stop",
                format!("{name:?} may be {} stops", several.len()),
                format!("say which, or search for the address: {}", names.join(", ")),
            ));
        }
    }
    found.pop().map(|(_, stop)| stop).ok_or(Error::NotFound("stop"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stops(names: &[&str]) -> Vec<Stop> {
        let stop = |name: &&str| Stop { name: (*name).into(), parcels: Vec::new(), open: 1, people: 1 };
        names.iter().map(stop).collect()
    }

    #[test]
    fn a_name_is_one_stop_or_an_error() {
        let day = ["幸福花园3", "幸福花园31", "幸福花园", "和平里3", "和平里5"];
        let named = |name| one(stops(&day), name).map(|s| s.name);
        assert_eq!(named("幸福花园3").unwrap(), "幸福花园3");
        assert_eq!(named(" 幸福花园 - 3 ").unwrap(), "幸福花园3");
        assert_eq!(named("幸福花园").unwrap(), "幸福花园");
        assert_eq!(named("花园31").unwrap(), "幸福花园31");
        assert_eq!(named("hpl5").unwrap(), "和平里5");
        let problem = |name| named(name).unwrap_err().to_string();
        assert!(problem("和平里").contains("2 stops"), "{}", problem("和平里"));
        assert!(problem("平安里").contains("no stop"));
    }
}
