//! The plan in one line.

use super::{DialPlan, SuppressReason};
use crate::lang::Lang;

impl DialPlan {
    /// One line for the courier: "rings 43 of 60: 9 delivered, 4 opted out, 4 merged; about 9 min, ¥3.10; no calls
    /// after 20:30".
    #[must_use]
    pub fn summary(&self, lang: Lang) -> String {
        let part = |reason: SuppressReason, n: u32| match lang {
            Lang::Zh => format!("{n} {}", reason.label_zh()),
            Lang::En => format!("{n} {}", reason.label_en()),
        };
        let mut left_out: Vec<String> =
            self.reasons().into_iter().map(|(reason, n)| part(reason, n)).collect();
        if self.merged > 0 {
            left_out.push(format!("{} {}", self.merged, lang.pick("合并", "merged")));
        }
        let (rings, parcels) = (self.rings(), self.parcels);
        let mut line = match lang {
            Lang::Zh => format!("将呼叫 {rings}/{parcels}"),
            Lang::En => format!("rings {rings} of {parcels}"),
        };
        if !left_out.is_empty() {
            line += lang.pick("：", ": ");
            line += &left_out.join(lang.pick("，", ", "));
        }
        if rings == 0 {
            return line;
        }
        let (minutes, cost) = (self.estimate.minutes(), self.estimate.cost);
        line += &match lang {
            Lang::Zh => format!("；约 {minutes} 分钟，{cost}"),
            Lang::En => format!("; about {minutes} min, {cost}"),
        };
        if let Some(lead) = self.lead {
            let moment = |at: crate::clock::UnixMs| at.moment(self.now, self.zone, lang);
            let (from, to) = (moment(self.starts), moment(self.last));
            line += &match lang {
                Lang::Zh => format!("；到达前 {lead} 分钟呼叫，{from} 至 {to}"),
                Lang::En => format!("; {lead} min before arrival, {from} to {to}"),
            };
        } else if self.starts > self.now {
            let at = self.starts.moment(self.now, self.zone, lang);
            line += &match lang {
                Lang::Zh => format!("；{at} 开始"),
                Lang::En => format!("; starts {at}"),
            };
        } else if self.later > 0 {
            line += &match lang {
                Lang::Zh => format!("；其中 {} 个稍后", self.later),
                Lang::En => format!("; {} of them later", self.later),
            };
        }
        let capped = self.calls.iter().filter(|c| c.capped).count();
        if capped > 0 {
            line += &match lang {
                Lang::Zh => format!("；{capped} 个因每日上限改到明天"),
                Lang::En => format!("; {capped} of them tomorrow, by the cap of a day"),
            };
        }
        if let Some(most) = self.most_today {
            line += &match lang {
                Lang::Zh => format!("；因每日上限今天最多 {most} 个，其余明天"),
                Lang::En => {
                    format!("; at most {most} of them today, by the cap of a day, the others tomorrow")
                }
            };
        }
        if let Some(closes) = self.closes {
            let at = closes.moment(self.now, self.zone, lang);
            line += &match lang {
                Lang::Zh => format!("；{at} 后不呼叫"),
                Lang::En => format!("; no calls after {at}"),
            };
        }
        line
    }
}
