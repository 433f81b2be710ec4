//! What must hold after every event, and the books that two runs are compared by.

use rust_decimal::Decimal;

use super::world::{Client, World};
use crate::domain::bot::TradeKind;
use crate::domain::money::f64_from_decimal;
use crate::domain::order::{Order, OrderOrigin, Side};

/// The books of an account without ids and without the times at which things were recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct FinalBooks {
    pub history: Vec<(String, TradeKind, f64, f64, f64, f64)>,
    pub holdings: Vec<(String, f64, f64, f64)>,
    pub added_seeds: Vec<(String, f64)>,
    pub positions: Vec<(String, Decimal, Decimal, Decimal)>,
    pub sheets: usize,
    pub open_orders: usize,
    pub sent: Vec<(String, Side, u64, Decimal)>,
}

impl World {
    pub fn final_books(&self, client: &Client) -> FinalBooks {
        let books = self.books(client);
        let mut history: Vec<_> = self
            .history(client)
            .into_iter()
            .map(|r| (r.name, r.kind, r.quantity.unwrap_or(0.0), r.buy_price, r.sell_price, r.profit))
            .collect();
        history.sort_by(|a, b| (&a.0, a.1.name()).cmp(&(&b.0, b.1.name())));
        let mut holdings: Vec<_> = books.holdings.iter().map(|h| (h.name.clone(), h.quantity, h.average_price, h.total_cost)).collect();
        holdings.sort_by(|a, b| a.0.cmp(&b.0));
        FinalBooks {
            history,
            holdings,
            added_seeds: books.bots.iter().map(|b| (b.name.clone(), b.added_seed)).collect(),
            positions: self.positions(client).into_iter().map(|p| (p.symbol, p.quantity, p.cost, p.realised)).collect(),
            sheets: books.sheets.len(),
            open_orders: books.open_orders.len(),
            sent: client.broker.sent().into_iter().map(|s| (s.bot, s.side, s.quantity, s.limit)).collect(),
        }
    }

    /// What must hold after every event: the folds are what the journal says, no order left twice, and
    /// bots + open sheets + orders in between = position, which is what the broker has of us.
    pub fn check(&self, client: &Client) {
        let report = self.store.verify().unwrap();
        assert_eq!(report.differences, [], "the folds differ from the journal");
        let sent = client.broker.sent();
        for (place, order) in sent.iter().enumerate() {
            let twice = sent[..place].iter().any(|s| s.order_id == order.order_id || (s.slice.is_some() && s.slice == order.slice));
            assert!(!twice, "sent twice: {order:?}");
            assert!(self.orders(client).iter().any(|o| o.intent.order_id == order.order_id), "sent without a journal: {order:?}");
        }
        let (books, orders) = (self.books(client), self.orders(client));
        for order in &orders {
            let listed = books.open_orders.iter().any(|o| o.intent.order_id == order.intent.order_id);
            assert_eq!(listed, !(order.state.is_final() && order.settled), "the index of open orders misses {order:?}");
        }
        for position in self.positions(client) {
            let held: f64 = books.holdings.iter().filter(|h| h.symbol == position.symbol && !h.reserve).map(|h| h.quantity).sum();
            let sign = |buys: bool| if buys { 1.0 } else { -1.0 };
            let in_sheets: f64 = books
                .sheets
                .iter()
                .filter(|s| s.symbol == position.symbol)
                .flat_map(|s| s.fills().map(move |f| f.quantity * sign(s.kind.is_buy())))
                .sum();
            // A person's fills belong to nobody else's books.
            let by_hand = |o: &&Order| o.intent.origin == OrderOrigin::Ticket;
            let between: f64 = orders
                .iter()
                .filter(|o| o.intent.symbol == position.symbol && (!o.settled || by_hand(o)))
                .map(|o| o.filled_quantity as f64 * sign(o.intent.side == Side::Buy))
                .sum();
            let quantity = f64_from_decimal(position.quantity + position.oversold - position.outside);
            // A split makes thirds, which no binary fraction holds exactly.
            let apart = (held + in_sheets + between - quantity).abs();
            assert!(apart < 1e-9, "{}: bots, sheets and orders are {apart} from the position", position.symbol);
        }
    }

    /// The broker has of us what our books say, beside `openings` that were there before.
    pub fn check_broker(&self, client: &Client, symbol: &str, opening: u64) {
        let position = self.positions(client).into_iter().find(|p| p.symbol == symbol).map_or(Decimal::ZERO, |p| p.quantity);
        assert_eq!(position, client.broker.net_shares(symbol) + Decimal::from(opening), "{symbol}");
    }
}
