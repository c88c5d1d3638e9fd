//! What Slack refuses in a message or a view: lengths, counts and unknown forms, as its reference of blocks states them.
use std::collections::BTreeSet;

use serde_json::Value;

/// Characters of a message's `text`.
const TEXT: usize = 40_000;
/// Characters in all blocks of one message, from which Slack answers `msg_blocks_too_long`.
const BLOCKS_TEXT: usize = 13_200;

/// A refusal: Slack's code, and what is wrong in words.
pub type Refusal = (&'static str, String);

/// A message: fallback text and blocks.
pub fn message(text: &str, blocks: &[Value]) -> Result<(), Refusal> {
    if text.is_empty() && blocks.is_empty() {
        return Err(("no_text", "neither text nor blocks".to_owned()));
    }
    if text.chars().count() > TEXT {
        return Err(("msg_too_long", format!("more than {TEXT} characters")));
    }
    self::blocks(blocks, 50).map_err(|what| ("invalid_blocks", what))?;
    if blocks.iter().map(characters).sum::<usize>() > BLOCKS_TEXT {
        return Err(("msg_blocks_too_long", "the blocks are too long".to_owned()));
    }
    Ok(())
}

/// A modal.
pub fn view(view: &Value) -> Result<(), Refusal> {
    let wrong = |what: String| ("invalid_arguments", what);
    if view.get("type").and_then(Value::as_str) != Some("modal") {
        return Err(wrong("view/type is not modal".to_owned()));
    }
    for part in ["title", "close", "submit"] {
        match view.get(part) {
            Some(text) => plain(text, 24, &format!("view/{part}")).map_err(wrong)?,
            None if part == "title" => return Err(wrong("view/title is missing".to_owned())),
            None => {}
        }
    }
    let content = view.get("blocks").and_then(Value::as_array);
    let content = content.ok_or_else(|| wrong("view/blocks is missing".to_owned()))?;
    blocks(content, 100).map_err(wrong)
}

fn blocks(blocks: &[Value], most: usize) -> Result<(), String> {
    if blocks.len() > most {
        return Err(format!("{} blocks, {most} are allowed", blocks.len()));
    }
    let mut ids = BTreeSet::new();
    for (n, one) in blocks.iter().enumerate() {
        block(one).map_err(|what| format!("blocks/{n}: {what}"))?;
        if let Some(id) = one.get("block_id") {
            let id = id.as_str().unwrap_or_default();
            if id.is_empty() || id.chars().count() > 255 || !ids.insert(id) {
                return Err(format!("blocks/{n}: block_id {id:?}"));
            }
        }
    }
    Ok(())
}

fn block(block: &Value) -> Result<(), String> {
    let list = |name: &str, most: usize| -> Result<&Vec<Value>, String> {
        let all = block.get(name).and_then(Value::as_array);
        let all = all.ok_or_else(|| format!("{name} is missing"))?;
        if all.is_empty() || all.len() > most {
            return Err(format!("{} {name}, 1 to {most} are allowed", all.len()));
        }
        Ok(all)
    };
    match block
        .get("type")
        .and_then(Value::as_str)
        .unwrap_or_default()
    {
        "divider" => Ok(()),
        "header" => plain(block.get("text").unwrap_or(&Value::Null), 150, "text"),
        "section" => {
            match (block.get("text"), block.get("fields")) {
                (None, None) => return Err("neither text nor fields".to_owned()),
                (Some(text), _) => text_object(text, 3000, "text")?,
                _ => {}
            }
            if block.get("fields").is_some() {
                for field in list("fields", 10)? {
                    text_object(field, 2000, "fields")?;
                }
            }
            block.get("accessory").map_or(Ok(()), element)
        }
        "context" => list("elements", 10)?
            .iter()
            .try_for_each(|e| text_object(e, 3000, "elements")),
        "actions" => list("elements", 25)?.iter().try_for_each(element),
        "rich_text" => list("elements", 100)?.iter().try_for_each(rich),
        other => Err(format!("unknown type {other:?}")),
    }
}

/// `rich_text` elements, all the way down.
fn rich(value: &Value) -> Result<(), String> {
    let kind = value
        .get("type")
        .and_then(Value::as_str)
        .unwrap_or_default();
    match kind {
        "rich_text_section" | "rich_text_list" | "rich_text_preformatted" | "rich_text_quote" => {
            let inner = value.get("elements").and_then(Value::as_array);
            let inner = inner.ok_or_else(|| format!("{kind} without elements"))?;
            inner.iter().try_for_each(rich)
        }
        "text" => match value.get("text").and_then(Value::as_str) {
            None | Some("") => Err("an empty text in rich_text".to_owned()),
            Some(_) => Ok(()),
        },
        "user" => match value.get("user_id").and_then(Value::as_str) {
            Some(id) if id.starts_with(['U', 'W']) => Ok(()),
            id => Err(format!("user_id {id:?} in rich_text")),
        },
        "link" | "usergroup" | "channel" | "emoji" | "broadcast" | "date" => Ok(()),
        other => Err(format!("unknown type {other:?} in rich_text")),
    }
}

fn element(button: &Value) -> Result<(), String> {
    let kind = button.get("type").and_then(Value::as_str);
    if kind != Some("button") {
        return Err(format!("unknown element {kind:?}"));
    }
    plain(
        button.get("text").unwrap_or(&Value::Null),
        75,
        "button/text",
    )?;
    for (field, most) in [("action_id", 255), ("value", 2000)] {
        let text = button.get(field).map(|v| v.as_str().unwrap_or_default());
        if text.is_some_and(|t| t.is_empty() || t.chars().count() > most) {
            return Err(format!("button/{field}"));
        }
    }
    let style = button.get("style").map(|s| s.as_str().unwrap_or_default());
    if style.is_some_and(|s| s != "primary" && s != "danger") {
        return Err(format!("button/style {style:?}"));
    }
    let Some(confirm) = button.get("confirm") else {
        return Ok(());
    };
    for (field, most) in [("title", 100), ("text", 300), ("confirm", 30), ("deny", 30)] {
        text_object(confirm.get(field).unwrap_or(&Value::Null), most, field)?;
    }
    Ok(())
}

fn plain(text: &Value, most: usize, what: &str) -> Result<(), String> {
    if text.get("type").and_then(Value::as_str) != Some("plain_text") {
        return Err(format!("{what} is no plain_text"));
    }
    text_object(text, most, what)
}

fn text_object(object: &Value, most: usize, what: &str) -> Result<(), String> {
    let kind = object
        .get("type")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let text = object
        .get("text")
        .and_then(Value::as_str)
        .unwrap_or_default();
    match (kind, text.chars().count()) {
        ("plain_text" | "mrkdwn", n) if (1..=most).contains(&n) => Ok(()),
        ("plain_text" | "mrkdwn", n) => Err(format!("{what} has {n} characters of 1 to {most}")),
        _ => Err(format!("{what} is of unknown type {kind:?}")),
    }
}

/// Characters of all texts in it.
fn characters(value: &Value) -> usize {
    match value {
        Value::Object(fields) => fields
            .iter()
            .map(|(key, inner)| match inner {
                Value::String(text) if key == "text" => text.chars().count(),
                other => characters(other),
            })
            .sum(),
        Value::Array(all) => all.iter().map(characters).sum(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{message, view};

    fn section(length: usize) -> Value {
        json!({"type": "section", "text": {"type": "mrkdwn", "text": "x".repeat(length)}})
    }

    #[test]
    fn lengths_and_forms_are_held() {
        let code = |blocks: &[Value]| message("t", blocks).map_err(|e| e.0);
        assert_eq!(message("", &[]).map_err(|e| e.0), Err("no_text"));
        assert_eq!(
            message(&"x".repeat(40_001), &[]).map_err(|e| e.0),
            Err("msg_too_long")
        );
        assert_eq!(code(&[section(3000)]), Ok(()));
        assert_eq!(code(&[section(3001)]), Err("invalid_blocks"));
        assert_eq!(code(&[section(0)]), Err("invalid_blocks"));
        assert_eq!(code(&vec![section(3); 51]), Err("invalid_blocks"));
        assert_eq!(code(&vec![section(2900); 5]), Err("msg_blocks_too_long"));
        assert_eq!(code(&[json!({"type": "magic"})]), Err("invalid_blocks"));
        let twice = json!({"type": "divider", "block_id": "a"});
        assert_eq!(code(&[twice.clone(), twice]), Err("invalid_blocks"));
        let button = |style: &str| {
            json!({"type": "actions", "elements": [
            {"type": "button", "text": {"type": "plain_text", "text": "Go"}, "action_id": "a", "style": style}]})
        };
        assert_eq!(code(&[button("primary")]), Ok(()));
        assert_eq!(code(&[button("green")]), Err("invalid_blocks"));
        let named = |id: &str| json!({"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [{"type": "user", "user_id": id}]}]});
        assert_eq!(code(&[named("U0ADA0000")]), Ok(()));
        assert_eq!(code(&[named("ada")]), Err("invalid_blocks"));
    }

    #[test]
    fn a_modal_needs_a_short_title() {
        let modal = |title: &str| json!({"type": "modal", "title": {"type": "plain_text", "text": title}, "blocks": []});
        assert!(view(&modal("Details")).is_ok());
        assert!(view(&modal(&"x".repeat(25))).is_err());
    }
}
