//! The API's reference as one page of HTML, rendered from the OpenAPI document: what can be read there is what the routes
//! take. No scripts, nothing from elsewhere, so that it works on a server without a network.

use serde_json::{Map, Value, json};
use std::fmt::Write;

/// Deepest nesting of an example.
const DEPTH: usize = 6;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem;color:#1b2733;\
    background:#fff}h2{margin-top:2.5rem}h3{margin-bottom:0}table{border-collapse:collapse;width:100%;margin:.3rem 0 1rem}\
    td,th{padding:.3rem .6rem;border-top:1px solid #d8dee4;vertical-align:top;text-align:left;font-weight:400}\
    td:first-child{white-space:nowrap}code,pre{font:14px/1.4 ui-monospace,monospace}pre{background:#f4f6f8;padding:.7rem;\
    overflow:auto}summary{cursor:pointer;padding:.35rem 0;border-top:1px solid #d8dee4}details[open]{margin-bottom:1.5rem}\
    .m{display:inline-block;width:4.5rem;font-weight:600}.get{color:#0a6}.post{color:#06c}.put{color:#a60}.patch{color:#a60}\
    .delete{color:#c33}small{color:#5a6772}";

/// The page.
pub(crate) fn render(doc: &Value) -> String {
    let page = Page { schemas: doc["components"]["schemas"].as_object().cloned().unwrap_or_default() };
    let mut out = format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>\
         <title>Waybell API</title><style>{STYLE}</style><h1>Waybell API</h1>\
         <p>The console is not built yet; this is what a Waybell server takes and answers. Machine-readable: \
         <a href=/api/v1/openapi.json>openapi.json</a>. Also <a href=/metrics>metrics</a> and <a href=/readyz>readiness</a>.</p>\
         <h2>First steps</h2><pre>curl -s http://SERVER/api/v1/auth/login -H 'content-type: application/json' \\\n  \
         -d '{{\"login\":\"c1\",\"password\":\"...\",\"device\":\"01890a5d-ac96-774b-bcce-b302099a8057\"}}'\n\
         curl -s http://SERVER/api/v1/me -H 'authorization: Bearer ACCESS_TOKEN'</pre>\
         <ul><li>Bodies and answers are JSON in UTF-8. Times are milliseconds since 1970 UTC.\
         <li>Ids are UUIDs of version 7; who makes a thing makes its id, so that a request may be sent again.\
         <li>Imports, parcel states, batches, what is done with them, and stop-all take <code>Idempotency-Key</code>: the same key \
         and request again have no second effect and get the first answer; the same key with another request gets 409. Other \
         changes set a state: sent again they change nothing more (a second person of one login name gets 409).\
         <li>Errors have the form of <a href=#ErrorBody>ErrorBody</a>. What belongs to somebody else answers 404.\
         <li>429 and 503 say in <code>Retry-After</code> when to come again.</ul>"
    );
    let mut tag = String::new();
    let mut operations = page.operations(doc);
    operations.sort_by(|a, b| (a.tag, a.path, a.method).cmp(&(b.tag, b.path, b.method)));
    for operation in &operations {
        if operation.tag != tag {
            operation.tag.clone_into(&mut tag);
            let _ = write!(out, "<h2>{}</h2>", text(&tag));
        }
        page.operation(&mut out, operation);
    }
    out.push_str("<h2>Shapes</h2>");
    for (name, schema) in &page.schemas {
        let _ = write!(out, "<h3 id={name}>{name}</h3>");
        page.shape(&mut out, schema);
    }
    out.push_str("</html>");
    out
}

struct Operation<'a> {
    tag: &'a str,
    path: &'a str,
    method: &'a str,
    is: &'a Value,
}

struct Page {
    schemas: Map<String, Value>,
}

impl Page {
    fn operations<'a>(&self, doc: &'a Value) -> Vec<Operation<'a>> {
        let paths = doc["paths"].as_object().into_iter().flatten();
        paths
            .flat_map(|(path, item)| {
                item.as_object().into_iter().flatten().map(move |(method, is)| Operation {
                    tag: is["tags"][0].as_str().unwrap_or("other"),
                    path,
                    method,
                    is,
                })
            })
            .collect()
    }

    fn operation(&self, out: &mut String, operation: &Operation<'_>) {
        let Operation { path, method, is, .. } = operation;
        let _ = write!(
            out,
            "<details><summary><code class='m {method}'>{}</code> <code>{path}</code> {}</summary>",
            method.to_uppercase(),
            text(is["summary"].as_str().unwrap_or_default())
        );
        if let Some(more) = is["description"].as_str() {
            let _ = write!(out, "<p>{}</p>", text(more));
        }
        let parameters = is["parameters"].as_array().map_or(&[][..], Vec::as_slice);
        if !parameters.is_empty() {
            out.push_str("<table>");
            for p in parameters {
                let name = p["name"].as_str().unwrap_or_default();
                let place = p["in"].as_str().unwrap_or_default();
                self.row(out, name, place, p["required"] == true, &p["schema"], p["description"].as_str());
            }
            out.push_str("</table>");
        }
        for (kind, body) in is["requestBody"]["content"].as_object().into_iter().flatten() {
            let _ = write!(out, "<p>Body, {}: {}</p>", text(kind), self.kind(&body["schema"]));
            self.shape(out, self.resolved(&body["schema"]));
            let example =
                serde_json::to_string_pretty(&self.example(&body["schema"], "", 0)).unwrap_or_default();
            let _ = write!(out, "<pre>{}</pre>", text(&example));
        }
        out.push_str("<p>Answers</p><table>");
        for (status, answer) in is["responses"].as_object().into_iter().flatten() {
            let body = answer["content"].as_object().and_then(|c| c.iter().next());
            let shape = body.map_or(String::new(), |(_, b)| self.kind(&b["schema"]));
            let note = text(answer["description"].as_str().unwrap_or_default());
            let _ = write!(out, "<tr><td>{status}</td><td>{shape}</td><td>{note}</td></tr>");
        }
        out.push_str("</table></details>");
    }

    /// A schema that is a reference, followed.
    fn resolved<'a>(&'a self, schema: &'a Value) -> &'a Value {
        let name = schema["$ref"].as_str().and_then(|r| r.rsplit('/').next());
        name.and_then(|n| self.schemas.get(n)).unwrap_or(schema)
    }

    /// The fields of an object, or what else the schema allows.
    fn shape(&self, out: &mut String, schema: &Value) {
        if let Some(about) = schema["description"].as_str() {
            let _ = write!(out, "<p>{}</p>", text(about));
        }
        let choices = ["oneOf", "anyOf"].iter().find_map(|c| schema[*c].as_array());
        if let Some(choices) = choices {
            out.push_str("<p>One of:</p>");
            choices.iter().for_each(|choice| self.shape(out, choice));
            return;
        }
        for part in schema["allOf"].as_array().into_iter().flatten() {
            self.shape(out, self.resolved(part));
        }
        let required: Vec<&str> =
            schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        if let Some(fields) = schema["properties"].as_object() {
            out.push_str("<table>");
            for (name, field) in fields {
                self.row(
                    out,
                    name,
                    "",
                    required.contains(&name.as_str()),
                    field,
                    field["description"].as_str(),
                );
            }
            out.push_str("</table>");
        } else if schema["allOf"].is_null() {
            let _ = write!(out, "<p>{}</p>", self.kind(schema));
        }
    }

    fn row(
        &self,
        out: &mut String,
        name: &str,
        place: &str,
        required: bool,
        schema: &Value,
        about: Option<&str>,
    ) {
        let choices = schema["oneOf"].as_array().map_or(&[][..], Vec::as_slice);
        let about = about.or_else(|| choices.iter().find_map(|c| c["description"].as_str()));
        let _ = write!(
            out,
            "<tr><td><code>{name}</code> <small>{place}{}</small></td><td>{}</td><td>{}</td></tr>",
            if required { "" } else { " optional" },
            self.kind(schema),
            text(about.unwrap_or_default())
        );
    }

    /// The type in a few words, with links to shapes.
    fn kind(&self, schema: &Value) -> String {
        if let Some(name) = schema["$ref"].as_str().and_then(|r| r.rsplit('/').next()) {
            return format!("<a href=#{name}>{name}</a>");
        }
        if let Some(choices) = ["oneOf", "anyOf"].iter().find_map(|c| schema[*c].as_array()) {
            return choices.iter().map(|c| self.kind(c)).collect::<Vec<_>>().join(" or ");
        }
        if let Some(values) = schema["enum"].as_array() {
            return values
                .iter()
                .map(|v| format!("<code>{}</code>", text(&v.to_string())))
                .collect::<Vec<_>>()
                .join(", ");
        }
        let types: Vec<&str> = match &schema["type"] {
            Value::String(one) => vec![one],
            Value::Array(many) => many.iter().filter_map(Value::as_str).collect(),
            _ => vec!["object"],
        };
        let words = types.into_iter().map(|t| match t {
            "array" => format!("list of {}", self.kind(&schema["items"])),
            "object" if schema["additionalProperties"].is_object() => {
                format!("map to {}", self.kind(&schema["additionalProperties"]))
            }
            other => match schema["format"].as_str() {
                Some(format) if other != "null" => format!("{other} ({})", text(format)),
                _ => other.to_owned(),
            },
        });
        words.collect::<Vec<_>>().join(" or ")
    }

    /// A value of the schema to begin with.
    fn example(&self, schema: &Value, field: &str, depth: usize) -> Value {
        if let Some(given) = schema.get("example").or_else(|| schema["examples"].get(0)) {
            return given.clone();
        }
        let schema = self.resolved(schema);
        if depth > DEPTH {
            return Value::Null;
        }
        if let Some(choices) = ["oneOf", "anyOf"].iter().find_map(|c| schema[*c].as_array()) {
            let real = choices.iter().find(|c| c["type"] != "null").unwrap_or(&Value::Null);
            return self.example(real, field, depth + 1);
        }
        if let Some(first) = schema["enum"].get(0) {
            return first.clone();
        }
        let kind = match &schema["type"] {
            Value::Array(many) => many.iter().find(|t| *t != "null").unwrap_or(&Value::Null),
            one => one,
        };
        match kind.as_str() {
            Some("boolean") => json!(false),
            Some("integer") => {
                json!(if field.ends_with("_at") || field == "wall" { 1_767_225_600_000_i64 } else { 1 })
            }
            Some("number") => json!(1.0),
            Some("array") => json!([self.example(&schema["items"], field, depth + 1)]),
            Some("string") => json!(match field {
                f if f == "id" || f == "device" || f.ends_with("_id") =>
                    "01890a5d-ac96-774b-bcce-b302099a8057",
                "phone" => "13800001234",
                "parcels" => "01890a5d-ac96-774b-bcce-b302099a8057",
                _ => "text",
            }),
            _ => {
                let fields = schema["properties"].as_object().into_iter().flatten();
                let made = fields.map(|(name, f)| (name.clone(), self.example(f, name, depth + 1)));
                Value::Object(made.collect())
            }
        }
    }
}

/// For HTML.
fn text(plain: &str) -> String {
    let mut out = String::with_capacity(plain.len());
    for c in plain.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_route_and_shape_is_on_the_page() {
        let doc = serde_json::to_value(crate::http::openapi()).unwrap();
        let page = super::render(&doc);
        for (path, _) in doc["paths"].as_object().unwrap() {
            assert!(page.contains(&format!("<code>{path}</code>")), "{path}");
        }
        for (name, _) in doc["components"]["schemas"].as_object().unwrap() {
            assert!(page.contains(&format!("<h3 id={name}>")), "{name}");
        }
        for part in page.split("href=#").skip(1) {
            let name = part.split('>').next().unwrap();
            assert!(page.contains(&format!("<h3 id={name}>")), "a link to {name} leads nowhere");
        }
        assert!(page.contains("&quot;quiet&quot;"), "an example of the rules");
    }
}
