//! Reads fields off nodes: checks them against a table and takes their values, saying what is wrong on the way.
//!
//! Knows shapes, not meanings.

use super::node::{Kind, Node, Value};
use super::table::{Field, RESERVED, Shape, meant};
use super::traps::{braces, quote, short};
use crate::base::diagnostic::{Code, Diagnostic};
use crate::base::span::{FileId, Span, Spanned};
use crate::syntax::definition::Text;
use crate::syntax::diagnostics as codes;
use crate::syntax::nearest::nearest;

/// Takes values and keeps what was wrong.
pub(super) struct Reader<'t> {
    pub(super) file: FileId,
    pub(super) text: &'t str,
    pub(super) diagnostics: Vec<Diagnostic>,
}

impl Reader<'_> {
    pub(super) fn say(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    fn report(&mut self, code: &'static Code, span: Span, message: String, label: &str, help: String) {
        self.say(Diagnostic::new(code, span, message).say(label).help(help));
    }

    /// What stands in the file at a place.
    pub(super) fn written(&self, start: u32, end: u32) -> &str {
        self.text.get(start as usize..end as usize).unwrap_or("")
    }

    /// The fields among `nodes` that `table` knows; everything else is reported. `owner` is what holds them.
    pub(super) fn fields<'n>(
        &mut self,
        owner: &str,
        nodes: &'n [Node],
        table: &'static [Field],
    ) -> Vec<(Field, &'n Node)> {
        let mut known: Vec<(Field, &Node)> = Vec::with_capacity(nodes.len());
        let mut seen: Vec<(&'static str, Span)> = Vec::new();
        for node in nodes {
            let Some(field) = table.iter().find(|field| field.name == node.name.value) else {
                self.unknown(owner, node, table);
                continue;
            };
            if !field.repeats {
                if let Some((_, earlier)) = seen.iter().find(|(name, _)| *name == field.name) {
                    let message = format!("`{}` is given twice in {owner}", field.name);
                    let diagnostic = Diagnostic::new(&codes::duplicate_field::CODE, node.name.span, message)
                        .say("again")
                        .label(*earlier, "first here")
                        .help(format!("Keep one `{}`", field.name));
                    self.say(diagnostic);
                    continue;
                }
                seen.push((field.name, node.name.span));
            }
            self.shape(node, *field);
            known.push((*field, node));
        }
        known
    }

    fn unknown(&mut self, owner: &str, node: &Node, table: &'static [Field]) {
        let name = short(&node.name.value);
        if RESERVED.contains(&node.name.value.as_str()) {
            let message = format!("`{name}` is reserved: not yet");
            let help = format!("Remove `{name}`; a later version will give it a meaning");
            self.report(&codes::reserved_word::CODE, node.name.span, message, "not yet", help);
            return;
        }
        let names = || table.iter().map(|field| field.name);
        let near = meant(&name).filter(|near| names().any(|name| name == *near)).or_else(|| nearest(&name, names()));
        let all = || names().collect::<Vec<_>>().join(", ");
        let help = match near {
            Some(near) => format!("Did you mean `{near}`?"),
            None if name == "-" => "Write list items, `- \"…\"`, only inside a list's braces".to_owned(),
            None => format!("Use one of: {}", all()),
        };
        let (code, message) = match owner {
            "this file" => (&codes::unknown_node::CODE, format!("unknown node `{name}`")),
            _ => (&codes::unknown_field::CODE, format!("unknown field `{name}` in {owner}")),
        };
        self.report(code, node.name.span, message, "not known here", help);
    }

    /// Whether a node holds what its field may hold.
    pub(super) fn shape(&mut self, node: &Node, field: Field) {
        for (key, value) in &node.properties {
            if !field.properties.contains(&key.value.as_str()) {
                self.property(node, field, key, value);
            }
        }
        self.doubled_properties(node);
        let arguments_max = match field.shape {
            Shape::Many | Shape::Numbers | Shape::Argv | Shape::TestArgv => usize::MAX,
            Shape::Block => 0,
            _ => 1,
        };
        if let Some(extra) = node.arguments.get(arguments_max) {
            let help = match field.shape {
                Shape::Block => format!("Put it inside braces: `{} {{ … }}`", field.name),
                Shape::Shell | Shape::TestShell => "Quote the whole shell text once, or use `run`".to_owned(),
                _ => "Remove it, or put quotes around the whole text".to_owned(),
            };
            let message = match arguments_max {
                0 => format!("`{}` takes no value on its line", field.name),
                _ => format!("`{}` takes one value", field.name),
            };
            self.report(&codes::unexpected_value::CODE, extra.span, message, "unexpected", help);
        }
        if arguments_max > 0 && node.arguments.is_empty() && !matches!(field.shape, Shape::Flag) {
            self.missing_value(node, field);
        }
        if let Some(children) = &node.children {
            let allowed = matches!(
                field.shape,
                Shape::Block | Shape::Named | Shape::NamedAlone | Shape::Many | Shape::TestArgv | Shape::TestShell
            );
            if !allowed {
                self.children(node, children);
            }
        } else if matches!(field.shape, Shape::Block | Shape::Named) {
            let help = format!("Write its fields in braces behind it: `{} {{ … }}`", short(&node.name.value));
            self.report(&codes::missing_field::CODE, node.span, format!("`{}` has no fields", field.name), "", help);
        }
    }

    fn missing_value(&mut self, node: &Node, field: Field) {
        if field.shape == Shape::Many && node.children.as_ref().is_some_and(|children| !children.is_empty()) {
            return;
        }
        let (what, help) = match field.shape {
            Shape::Named => ("a name", format!("Write its name in quotes: `{} \"name\" {{ … }}`", field.name)),
            Shape::Number | Shape::Numbers => ("a number", format!("Write `{} 1`", field.name)),
            Shape::Many if node.children.is_some() => {
                ("values", "List them: `- \"…\"`, or leave the field out".to_owned())
            }
            _ => ("a value", format!("Write `{} \"…\"`, or leave it out", field.name)),
        };
        let message = format!("`{}` lacks {what}", field.name);
        self.report(&codes::missing_value::CODE, node.name.span, message, "nothing follows", help);
    }

    fn property(&mut self, node: &Node, field: Field, key: &Text, value: &Value) {
        let span = Span { end: value.span.end, ..key.span };
        let written = short(self.written(span.start, span.end));
        if matches!(field.shape, Shape::Argv | Shape::Shell | Shape::TestArgv | Shape::TestShell) {
            let text = if value.source.starts_with('"') {
                format!("{}={}", key.value, short(&text_of(value)))
            } else {
                written.clone()
            };
            let message = format!("`{written}` is read as a property, not as an argument");
            let help = format!("Put the whole argument in quotes: {}", quote(&text));
            self.report(&codes::property_in_argv::CODE, span, message, "a property of KDL", help);
            return;
        }
        let name = short(&key.value);
        if RESERVED.contains(&name.as_str()) || (name == "os" && node.name.value == "when") || name == "watch" {
            let message = format!("`{name}=` is reserved: not yet");
            self.report(&codes::reserved_word::CODE, span, message, "not yet", format!("Remove `{name}=…`"));
            return;
        }
        let help = match nearest(&name, field.properties.iter().copied()) {
            Some(near) => format!("Did you mean `{near}=`?"),
            None if matches!(field.shape, Shape::Named | Shape::NamedAlone | Shape::Block) => {
                format!("Fields stand in braces: `{} {{ {name} {} }}`", field.name, short(&value.source))
            }
            None if field.properties.is_empty() => format!("Put it in quotes if it is a value: {}", quote(&written)),
            None => format!("It takes only `{}=`", field.properties.join("=`, `")),
        };
        let message = format!("`{}` takes no property `{name}`", field.name);
        self.report(&codes::unknown_property::CODE, span, message, "not known here", help);
    }

    fn doubled_properties(&mut self, node: &Node) {
        for (index, (key, _)) in node.properties.iter().enumerate().skip(1) {
            let earlier = node.properties[..index].iter().take(8).find(|(other, _)| other.value == key.value);
            if let Some((earlier, _)) = earlier {
                let message = format!("`{}=` is given twice", short(&key.value));
                let diagnostic = Diagnostic::new(&codes::duplicate_field::CODE, key.span, message)
                    .say("again")
                    .label(earlier.span, "first here")
                    .help("Keep one of them");
                self.say(diagnostic);
            }
        }
    }

    /// A block where none can be; `{out}` gets its own words.
    pub(super) fn children(&mut self, node: &Node, children: &[Node]) {
        let from = children.first().map_or(node.span.start, |child| child.span.start);
        let to = children.last().map_or(node.span.end, |child| child.span.end);
        let start =
            self.written(node.span.start, from).rfind('{').map_or(from, |offset| node.span.start + offset as u32);
        let end = self.written(to, node.span.end).find('}').map_or(to, |offset| to + offset as u32 + 1);
        let span = Span { file: self.file, start, end };
        if let [child] = children
            && child.arguments.is_empty()
            && child.children.is_none()
        {
            let shown = format!("{{{}}}", short(&child.name.value));
            self.say(braces(&shown, span));
            return;
        }
        let message = format!("`{}` takes no block", short(&node.name.value));
        let help = "Remove the braces; end the node with a new line or `;`".to_owned();
        self.report(&codes::unexpected_value::CODE, span, message, "unexpected", help);
    }

    /// A text; a number gives its own letters.
    pub(super) fn value_text(&mut self, value: &Value) -> Option<Text> {
        match &value.kind {
            Kind::Text(text) => Some(Text::new(text.as_str().into(), value.span)),
            Kind::Integer(_) | Kind::Float if !value.source.starts_with('#') => {
                let plain = value.source.strip_prefix('-').unwrap_or(&value.source);
                if !plain.bytes().all(|byte| byte.is_ascii_digit()) {
                    let message = format!("the number {} stands for its own letters", short(&value.source));
                    let help = format!("Put it in quotes to say so: \"{}\"", short(&value.source));
                    self.report(&codes::number_as_text::CODE, value.span, message, "taken as text", help);
                }
                Some(Text::new(value.source.as_str().into(), value.span))
            }
            _ => {
                let help = format!("Put it in quotes if it is a text: \"{}\"", value.source.trim_start_matches('#'));
                self.wrong_type(value, "a text", help);
                None
            }
        }
    }

    fn wrong_type(&mut self, value: &Value, wanted: &str, help: String) {
        let message = format!("this must be {wanted}, not {}", kind_word(&value.kind));
        self.report(&codes::wrong_type::CODE, value.span, message, kind_word(&value.kind), help);
    }

    /// A text that says something.
    pub(super) fn full_text(&mut self, value: &Value) -> Option<Text> {
        let text = self.value_text(value)?;
        if text.value.trim().is_empty() {
            let help = "Write something between the quotes, or leave it out".to_owned();
            self.report(&codes::empty_value::CODE, text.span, "this text is empty".to_owned(), "empty", help);
            return None;
        }
        Some(text)
    }

    /// The one text of a field.
    pub(super) fn one(&mut self, node: &Node) -> Option<Text> {
        node.arguments.first().and_then(|value| self.full_text(value))
    }

    /// The texts of a list: arguments, then `- "…"` children.
    pub(super) fn many(&mut self, node: &Node) -> Vec<Text> {
        let mut texts: Vec<Text> = node.arguments.iter().filter_map(|value| self.full_text(value)).collect();
        let Some(children) = &node.children else { return texts };
        if children.len() == 1 && children[0].name.value != "-" {
            self.children(node, children);
            return texts;
        }
        for child in children {
            if child.name.value != "-" {
                let message = format!("`{}` is no item of a list", short(&child.name.value));
                let help = format!("Write `- {}`", quote(&short(self.written(child.span.start, child.span.end))));
                self.report(&codes::unexpected_value::CODE, child.name.span, message, "unexpected", help);
                continue;
            }
            self.shape(child, Field { name: "-", shape: Shape::Argv, repeats: true, properties: &[] });
            texts.extend(child.arguments.iter().filter_map(|value| self.full_text(value)));
        }
        texts
    }

    /// The arguments of a program; they may be empty texts, except the first.
    pub(super) fn argv(&mut self, node: &Node) -> Vec<Text> {
        let Some((program, arguments)) = node.arguments.split_first() else { return Vec::new() };
        let mut texts: Vec<Text> = self.full_text(program).into_iter().collect();
        texts.extend(arguments.iter().filter_map(|value| self.value_text(value)));
        texts
    }

    /// A whole number of a range; the range's type is `T`'s and its least is `least`.
    pub(super) fn number<T: TryFrom<i128> + Into<i64>>(&mut self, value: &Value, least: i128) -> Option<Spanned<T>> {
        let Kind::Integer(number) = value.kind else {
            let help = match &value.kind {
                Kind::Text(text) if text.parse::<u32>().is_ok() => format!("Remove the quotes: {text}"),
                _ => format!("Write a whole number, {least} or more"),
            };
            self.wrong_type(value, "a whole number", help);
            return None;
        };
        match T::try_from(number) {
            Ok(fits) if number >= least => Some(Spanned::new(fits, value.span)),
            _ => {
                let message = format!("{} is out of range", short(&value.source));
                let (side, limit) =
                    if number < least { ("at least", least) } else { ("at most", i128::from(i32::MAX)) };
                let help = format!("Write {side} {limit}");
                self.report(&codes::out_of_range::CODE, value.span, message, "out of range", help);
                None
            }
        }
    }

    /// The number of a field.
    pub(super) fn count(&mut self, node: &Node, least: u32) -> Option<Spanned<u32>> {
        node.arguments.first().and_then(|value| self.number(value, i128::from(least)))
    }

    /// A value that is true or false.
    pub(super) fn flag_value(&mut self, value: &Value) -> Option<bool> {
        match value.kind {
            Kind::Bool(flag) => Some(flag),
            _ => {
                self.wrong_type(value, "#true or #false", "Write `#true` or `#false`".to_owned());
                None
            }
        }
    }

    /// A flag: the field alone is true.
    pub(super) fn flag(&mut self, node: &Node) -> Option<Spanned<bool>> {
        match node.arguments.first() {
            None => Some(Spanned::new(true, node.name.span)),
            Some(value) => self.flag_value(value).map(|flag| Spanned::new(flag, value.span)),
        }
    }

    /// The text of a property.
    pub(super) fn property_text(&mut self, node: &Node, key: &str) -> Option<Text> {
        let (_, value) = node.properties.iter().find(|(name, _)| name.value == key)?;
        self.full_text(value)
    }

    /// `NAME "value"` children: free names, one value each; a name that `skip` takes is left out.
    pub(super) fn pairs<'n>(
        &mut self,
        owner: &str,
        nodes: &'n [Node],
        skip: fn(&str) -> bool,
    ) -> Vec<(Text, &'n Value)> {
        let mut pairs = Vec::with_capacity(nodes.len());
        let mut seen = std::collections::HashMap::<&str, Span>::new();
        for node in nodes.iter().filter(|node| !skip(&node.name.value)) {
            self.shape(node, Field { name: "NAME", shape: Shape::One, repeats: true, properties: &[] });
            if let Some(earlier) = seen.insert(&node.name.value, node.name.span) {
                let message = format!("`{}` is given twice in {owner}", short(&node.name.value));
                let diagnostic = Diagnostic::new(&codes::duplicate_field::CODE, node.name.span, message)
                    .say("again")
                    .label(earlier, "first here")
                    .help("Keep one of them");
                self.say(diagnostic);
                continue;
            }
            if let Some(value) = node.arguments.first() {
                pairs.push((node.name.clone(), value));
            }
        }
        pairs
    }
}

fn text_of(value: &Value) -> String {
    match &value.kind {
        Kind::Text(text) => text.clone(),
        _ => value.source.clone(),
    }
}

fn kind_word(kind: &Kind) -> &'static str {
    match kind {
        Kind::Text(_) => "a text",
        Kind::Integer(_) => "a number",
        Kind::Float => "a number with a fraction or exponent",
        Kind::Bool(_) => "true or false",
        Kind::Null => "null",
    }
}
