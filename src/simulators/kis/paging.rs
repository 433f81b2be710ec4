//! Lists in pages: the context fields, the paging header and the codes that go with them.

use super::call::{Answer, Call};

/// The pair of context fields of a transaction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Context {
    /// Request field that names the row after the last page.
    request: &'static str,
    condition: &'static str,
    next: &'static str,
    /// Both answer fields are padded to this width.
    width: usize,
}

/// Overseas ledger.
pub(super) const CTX200: Context = Context { request: "CTX_AREA_NK200", condition: "ctx_area_fk200", next: "ctx_area_nk200", width: 200 };
/// Domestic ledger.
pub(super) const CTX100: Context = Context { request: "CTX_AREA_NK100", condition: "ctx_area_fk100", next: "ctx_area_nk100", width: 100 };
/// Calendar of business days.
pub(super) const CTX20: Context = Context { request: "CTX_AREA_NK", condition: "ctx_area_fk", next: "ctx_area_nk", width: 20 };

/// One page of a list, and where it lies in it.
pub(super) struct Page<T> {
    pub items: Vec<T>,
    context: Context,
    first: bool,
    /// Key of the row after the page.
    next: Option<String>,
}

/// Cuts the page that the call asks for. `key` names a row; an unknown context starts over.
pub(super) fn page<T>(call: &Call, context: Context, items: Vec<T>, size: usize, key: impl Fn(&T) -> String) -> Page<T> {
    let wanted = call.parameters.text(context.request);
    let start = if call.continues { items.iter().position(|item| key(item) == wanted).unwrap_or(0) } else { 0 };
    let next = items.get(start + size).map(&key);
    Page { items: items.into_iter().skip(start).take(size).collect(), context, first: start == 0, next }
}

impl<T> Page<T> {
    /// Adds the paging members and header, and the code that goes with them. `conditions` are the
    /// request fields that the broker echoes.
    pub fn finish(&self, call: &Call, mut answer: Answer, conditions: &[&str]) -> Answer {
        let condition: String = conditions.iter().map(|name| format!("{}^", call.parameters.text(name))).collect();
        let next = self.next.clone().unwrap_or_default();
        if !call.is_paper() && (self.next.is_some() || !self.first) {
            let (code, message) = if self.next.is_some() {
                ("KIOK0500", "조회가 계속됩니다")
            } else {
                ("KIOK0460", "조회 되었습니다. (마지막 자료)")
            };
            answer = answer.text("msg_cd", code.to_owned()).text("msg1", message.to_owned());
        }
        answer.continuation = match (self.first, self.next.is_some()) {
            (true, true) => "F",
            (false, true) => "M",
            (_, false) => "D",
        };
        let pad = |text: &str| format!("{text:<width$}", width = self.context.width);
        answer.text(self.context.condition, pad(&condition)).text(self.context.next, pad(&next))
    }
}
