//! The tables that people open in a spreadsheet: which columns each has, and where they stand in a record.

use std::io::{self, Write};

use serde_json::Value;

/// A table: its file, the space that it is made of, whether only some facts belong to it, its columns as
/// heading and JSON pointer.
pub(super) struct Table {
    pub file: &'static str,
    pub space: &'static str,
    /// `/event/type` of the facts that belong to it.
    pub event: Option<&'static str>,
    pub columns: &'static [(&'static str, &'static str)],
}

/// All tables. `account` stands before the columns of each, but in the audit log.
pub(super) const TABLES: &[Table] = &[
    Table {
        file: "csv/orders.csv",
        space: "orders",
        event: None,
        columns: &[
            ("order_id", "/intent/order_id"),
            ("created_at", "/created_at"),
            ("session", "/intent/session"),
            ("bot", "/intent/bot_name"),
            ("environment", "/intent/environment"),
            ("market", "/intent/market"),
            ("symbol", "/intent/symbol"),
            ("side", "/intent/side"),
            ("quantity", "/intent/quantity"),
            ("kind", "/intent/kind"),
            ("limit_price", "/intent/limit_price"),
            ("state", "/state"),
            ("filled_quantity", "/filled_quantity"),
            ("filled_amount", "/filled_amount"),
            ("broker_order_no", "/broker_order_no"),
            ("reason", "/reason/code"),
            ("updated_at", "/updated_at"),
        ],
    },
    Table {
        file: "csv/fills.csv",
        space: "journal",
        event: Some("order_filled"),
        columns: &[
            ("at", "/at"),
            ("order_id", "/event/fill/order_id"),
            ("quantity", "/event/fill/quantity"),
            ("price", "/event/fill/price"),
            ("gross", "/event/fill/gross"),
            ("fee", "/event/fill/fee"),
            ("tax", "/event/fill/tax"),
            ("currency", "/event/fill/currency"),
        ],
    },
    Table {
        file: "csv/positions.csv",
        space: "positions",
        event: None,
        columns: &[
            ("market", "/market"),
            ("symbol", "/symbol"),
            ("quantity", "/quantity"),
            ("cost", "/cost"),
            ("realised", "/realised"),
            ("charges", "/charges"),
            ("outside", "/outside"),
        ],
    },
    Table {
        file: "csv/holdings.csv",
        space: "holdings",
        event: None,
        columns: &[
            ("bot", "/name"),
            ("market", "/market"),
            ("symbol", "/symbol"),
            ("quantity", "/quantity"),
            ("average_price", "/average_price"),
            ("total_cost", "/total_cost"),
            ("cycle_start", "/cycle_start"),
            ("last_trade_at", "/last_trade_at"),
        ],
    },
    Table {
        file: "csv/history.csv",
        space: "history",
        event: None,
        columns: &[
            ("traded_at", "/traded_at"),
            ("bot", "/name"),
            ("market", "/market"),
            ("symbol", "/symbol"),
            ("kind", "/kind"),
            ("quantity", "/quantity"),
            ("buy_price", "/buy_price"),
            ("sell_price", "/sell_price"),
            ("profit", "/profit"),
            ("profit_rate", "/profit_rate"),
            ("cycle_start", "/cycle_start"),
        ],
    },
    Table {
        file: "csv/bots.csv",
        space: "bots",
        event: None,
        columns: &[
            ("bot", "/name"),
            ("market", "/market"),
            ("symbol", "/symbol"),
            ("active", "/active"),
            ("seed", "/seed"),
            ("added_seed", "/added_seed"),
            ("profit_rate", "/profit_rate"),
            ("t_div", "/t_div"),
            ("max_tier", "/max_tier"),
            ("closing_conditions", "/closing_conditions"),
            ("trailing_enabled", "/trailing_enabled"),
        ],
    },
    Table { file: "csv/cash.csv", space: "cash", event: None, columns: &[("currency", "/currency"), ("amount", "/amount")] },
    Table {
        file: "csv/ledger.csv",
        space: "journal",
        event: None,
        columns: &[("seq", "/seq"), ("at", "/at"), ("actor", "/actor/type"), ("event", "/event/type"), ("detail", "/event")],
    },
    Table {
        file: "csv/audit.csv",
        space: "audit",
        event: None,
        columns: &[("seq", "/seq"), ("at", "/at"), ("by", "/by"), ("action", "/action"), ("detail", "/detail"), ("hash", "/hash")],
    },
];

impl Table {
    pub(super) fn has_account(&self) -> bool {
        self.space != "audit"
    }

    pub(super) fn head(&self, out: &mut impl Write) -> io::Result<()> {
        let names = self.columns.iter().map(|(name, _)| *name);
        let first = self.has_account().then_some("account");
        // The mark tells spreadsheets that the text is UTF-8.
        write!(out, "\u{feff}{}\r\n", first.into_iter().chain(names).collect::<Vec<_>>().join(","))
    }

    /// Writes a record's line, if it belongs to the table.
    pub(super) fn line(&self, out: &mut impl Write, account: &str, record: &Value) -> io::Result<()> {
        if self.event.is_some_and(|wanted| record.pointer("/event/type").and_then(Value::as_str) != Some(wanted)) {
            return Ok(());
        }
        let mut cells: Vec<String> = self.has_account().then(|| cell(account)).into_iter().collect();
        cells.extend(self.columns.iter().map(|(_, pointer)| shown(record.pointer(pointer))));
        write!(out, "{}\r\n", cells.join(","))
    }
}

fn shown(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => cell(text),
        Some(Value::Bool(_) | Value::Number(_)) => value.map(Value::to_string).unwrap_or_default(),
        Some(other) => cell(&other.to_string()),
    }
}

/// A text as a cell. One that a spreadsheet would take for a formula, and that is no number, gets a quote
/// before it.
fn cell(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']) && text.parse::<f64>().is_err();
    let text = if formula { format!("'{text}") } else { text.to_owned() };
    if text.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn cells_are_quoted_and_no_text_becomes_a_formula() {
        for (text, wanted) in
            [("plain", "plain"), ("a,b", "\"a,b\""), ("=1+1", "'=1+1"), ("-5.2", "-5.2"), ("@x\"", "\"'@x\"\"\""), ("봇 1", "봇 1")]
        {
            assert_eq!(cell(text), wanted);
        }
    }

    #[test]
    fn fills_are_the_facts_of_their_kind() {
        let fills = TABLES.iter().find(|t| t.file.ends_with("fills.csv")).unwrap();
        let mut out = Vec::new();
        fills.head(&mut out).unwrap();
        let fact = |kind: &str| json!({"at": "2026-05-15T16:00:00Z", "event": {"type": kind, "fill": {"quantity": 3, "price": "10.5"}}});
        for kind in ["order_sent", "order_filled"] {
            fills.line(&mut out, "main", &fact(kind)).unwrap();
        }
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.lines().count(), 2);
        assert!(text.ends_with("main,2026-05-15T16:00:00Z,,3,10.5,,,,\r\n"), "{text}");
    }
}
