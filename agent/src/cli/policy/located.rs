//! YAML documents that remember the line of every value.

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use serde_json::Value;
use serde_saphyr::Spanned;
use std::{collections::BTreeMap, fmt};

/// A document as plain JSON, and where its values stood.
pub(super) struct Document {
    value: Value,
    /// Path (`spec.scope.namespaces[1]`) to line.
    lines: BTreeMap<String, u64>,
}

impl Document {
    /// The value at a path of names.
    pub(super) fn at(&self, path: &str) -> Option<&Value> {
        path.split('.')
            .try_fold(&self.value, |value, name| value.get(name))
    }

    /// The line of a path, or of the nearest thing around it.
    pub(super) fn line(&self, path: &str) -> u64 {
        let mut path = path;
        loop {
            if let Some(line) = self.lines.get(path) {
                return *line;
            }
            let Some(end) = path.rfind(['.', '[']) else {
                break;
            };
            path = &path[..end];
        }
        self.lines.get("").copied().unwrap_or(1)
    }
}

/// Reads all documents of a stream. The error is a line and what is wrong there.
pub(super) fn documents(text: &str) -> Result<Vec<Document>, (u64, String)> {
    let trees = serde_saphyr::from_multiple::<Spanned<Tree>>(text).map_err(|error| {
        let line = error.location().map_or(1, |at| at.line());
        (line, error.without_snippet().to_string())
    })?;
    let document = |tree: Spanned<Tree>| {
        let mut lines = BTreeMap::from([(String::new(), tree.referenced.line())]);
        let value = plain(tree.value, "", &mut lines);
        Document { value, lines }
    };
    Ok(trees.into_iter().map(document).collect())
}

/// Makes plain JSON of a tree, and notes the lines on the way.
fn plain(tree: Tree, path: &str, lines: &mut BTreeMap<String, u64>) -> Value {
    match tree {
        Tree::Leaf(value) => value,
        Tree::List(items) => {
            let mut list = Vec::new();
            for (index, item) in items.into_iter().enumerate() {
                let path = format!("{path}[{index}]");
                lines.insert(path.clone(), item.referenced.line());
                list.push(plain(item.value, &path, lines));
            }
            Value::Array(list)
        }
        Tree::Map(entries) => {
            let mut map = serde_json::Map::new();
            for (key, value) in entries {
                let name = key.value;
                let path = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                lines.insert(path.clone(), key.referenced.line());
                map.insert(name, plain(value, &path, lines));
            }
            Value::Object(map)
        }
    }
}

enum Tree {
    Leaf(Value),
    List(Vec<Spanned<Tree>>),
    Map(Vec<(Spanned<String>, Tree)>),
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("YAML")
    }

    fn visit_bool<E>(self, v: bool) -> Result<Tree, E> {
        Ok(Tree::Leaf(v.into()))
    }

    fn visit_i64<E>(self, v: i64) -> Result<Tree, E> {
        Ok(Tree::Leaf(v.into()))
    }

    fn visit_u64<E>(self, v: u64) -> Result<Tree, E> {
        Ok(Tree::Leaf(v.into()))
    }

    fn visit_f64<E>(self, v: f64) -> Result<Tree, E> {
        Ok(Tree::Leaf(v.into()))
    }

    fn visit_str<E>(self, v: &str) -> Result<Tree, E> {
        Ok(Tree::Leaf(v.into()))
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Leaf(Value::Null))
    }

    fn visit_none<E>(self) -> Result<Tree, E> {
        Ok(Tree::Leaf(Value::Null))
    }

    fn visit_some<D: Deserializer<'de>>(self, from: D) -> Result<Tree, D::Error> {
        Tree::deserialize(from)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Tree, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = from.next_element()? {
            items.push(item);
        }
        Ok(Tree::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Tree, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = from.next_entry()? {
            entries.push(entry);
        }
        Ok(Tree::Map(entries))
    }
}
