//! The pieces of HTML that several sections use. All text that is shown is escaped here or by `maud`.

use std::borrow::Cow;

use maud::{Markup, Render, html};

use super::size_tree::LayerKind;
use crate::text::visible_line;

/// A text from outside: escaped, and with visible escapes in place of characters that change the direction of writing.
pub(super) struct Shown<T>(pub(super) T);

impl<T: AsRef<str>> Render for Shown<T> {
    fn render_to(&self, buffer: &mut String) {
        visible_line(self.0.as_ref()).render_to(buffer);
    }
}

/// A message, in which what is between grave accents is code.
pub(super) fn message(text: &str) -> Markup {
    let pieces: Vec<&str> = text.split('`').collect();
    // Without pairs, where code begins is not known.
    if pieces.len().is_multiple_of(2) {
        return html! { (Shown(text)) };
    }
    html! {
        @for (number, piece) in pieces.into_iter().enumerate() {
            @if number.is_multiple_of(2) { (Shown(piece)) } @else { code { (Shown(piece)) } }
        }
    }
}

/// A table in a region that can be scrolled, also with the keyboard. `of` is the part of the page, which tells regions with the same
/// caption apart. The headings of `columns` with a leading `>` are those of numbers.
pub(super) fn table(of: &str, caption: &str, columns: &[&str], rows: &Markup) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label=(Shown(format!("{of}: {caption}"))) {
            table {
                caption { (caption) }
                thead {
                    tr {
                        @for column in columns {
                            @match column.strip_prefix('>') {
                                Some(name) => th.number scope="col" { (name) },
                                None => th scope="col" { (column) },
                            }
                        }
                    }
                }
                tbody { (rows) }
            }
        }
    }
}

/// The mark of the colour of a layer.
pub(super) fn mark(kind: LayerKind) -> Markup {
    html! { svg.mark.(kind.class()) width="12" height="12" aria-hidden="true" { rect width="12" height="12" rx="2" {} } }
}

/// A part of a whole in percent: `12 %`.
pub(super) fn percent(part: u64, whole: u64) -> Cow<'static, str> {
    match (u128::from(part) * 1000).checked_div(u128::from(whole)) {
        Some(0) if part > 0 => "< 0.1 %".into(),
        None | Some(0) => "0 %".into(),
        Some(tenths @ 1..100) => format!("{}.{} %", tenths / 10, tenths % 10).into(),
        Some(tenths) => format!("{} %", tenths.saturating_add(5) / 10).into(),
    }
}

/// A part of a whole as the value of an attribute of SVG.
pub(super) fn length(part: u64, whole: u64) -> String {
    let hundredths = (u128::from(part) * 10_000).checked_div(u128::from(whole)).unwrap_or_default();
    format!("{}.{:02}%", hundredths / 100, hundredths % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_from_images_are_text() {
        let name = "</script><img src=x onerror=alert(1)>\"'&\u{202e}\n";
        let markup = html! { p title=(Shown(name)) { (Shown(name)) } }.into_string();
        let escaped = "&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;&quot;'&amp;\\u{202e}\\n";
        assert_eq!(markup, format!("<p title=\"{escaped}\">{escaped}</p>"));
    }

    #[test]
    fn code_in_messages_is_marked() {
        let shown = |text| message(text).into_string();
        assert_eq!(shown("`<a>` is not `b`"), "<code>&lt;a&gt;</code> is not <code>b</code>");
        assert_eq!(shown("a ` b"), "a ` b");
    }

    #[test]
    fn parts_have_few_digits() {
        let parts = [(0, 0), (1, 3000), (1, 300), (99, 1000), (1, 3), (5, 5), (u64::MAX, u64::MAX)];
        let shown = parts.map(|(part, whole)| percent(part, whole).into_owned());
        assert_eq!(shown, ["0 %", "< 0.1 %", "0.3 %", "9.9 %", "33 %", "100 %", "100 %"]);
        assert_eq!(length(1, 3), "33.33%");
    }
}
