//! The owner's answers to the questions about books and broker (`differences`). An answer is booked as
//! facts; nothing is overwritten and nothing is booked without one.

use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::{Decimal, dec};
use serde_json::json;

use super::cash::book_cash;
use super::differences::{Questions, question_key, recent_split};
use super::positions::mark_seen;
use crate::domain::bot::{Bot, Holding, SliceFill, TradeKind};
use crate::domain::difference::{
    CashDifference, CashReason, Difference, DifferenceKind, ExternalOrigin, ExternalTrade, KnownPrice, OutsideExecution, Proposal,
    SplitBooking, SplitRatio,
};
use crate::domain::fact::{BookingOrigin, Event, SheetEnd};
use crate::domain::id::{AccountId, BotId, DifferenceId, UserId};
use crate::domain::instrument::Market;
use crate::domain::message::Notice;
use crate::domain::money::{decimal_from_f64, f64_from_decimal};
use crate::domain::order::Side;
use crate::quant::egg::number::cents;
use crate::storage::tables::{BOTS, CASH_DIFFERENCES, DIFFERENCES, KNOWN_PRICES, POSITIONS};
use crate::storage::{Key, StoreError, UserTx, account_key, time_ordered};
use crate::trading::books::{Books, MOST_PRICE, record_by};
use crate::trading::bus::LiveEvent;
use crate::trading::error::TradingError;
use crate::trading::night::settle::{BookedAt, book_fill};
use crate::trading::tick::Trading;

/// An owner's answer to a question.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Answer {
    /// The shares, or the trade, are the person's own.
    Mine,
    /// So are all shares that the first connection found.
    AllMine,
    /// The trade was a bot's. The price is needed where no execution tells it.
    OfBot { bot: BotId, price: Option<Decimal> },
    /// A split; the ratio where the question names none, or another one.
    Split { ratio: Option<SplitRatio> },
    /// No split: the price moved, or the shares have another reason. Takes a split back that was
    /// confirmed by mistake.
    NoSplit,
    /// Why cash came or went.
    Cash(CashReason),
}
impl Trading {
    /// Books the owner's answer and gives the questions that are left.
    ///
    /// # Errors
    /// `NotFound` for a question that is not open (any more), `Refused` and `Fields` with what the answer
    /// would break.
    pub async fn answer_difference(
        &self,
        user: UserId,
        account: AccountId,
        id: DifferenceId,
        answer: Answer,
    ) -> Result<Questions, TradingError> {
        self.account(user, account)?;
        let (now, us, krx) = (self.clock.now(), self.calendar.clone(), self.krx.clone());
        self.store
            .user(user)
            .write(move |tx| -> Result<(), TradingError> {
                let about_cash: Vec<CashDifference> = tx.list(&CASH_DIFFERENCES, &account_key(account))?;
                if let Some(asked) = about_cash.iter().find(|d| d.id == id) {
                    let Answer::Cash(reason) = answer else {
                        let detail =
                            "a question about cash takes 'deposit', 'withdrawal', 'dividend', 'interest', 'exchange', 'charges' or 'other'";
                        return Err(TradingError::field("/action", "answer_not_possible", detail));
                    };
                    return book_cash(tx, account, user, asked, reason, now);
                }
                let open: Vec<Difference> = tx.list(&DIFFERENCES, &account_key(account))?;
                let Some(asked) = open.iter().find(|d| d.id == id) else {
                    return Err(StoreError::not_found("open question").into());
                };
                let calendar = if asked.market == Market::Krx { &krx } else { &us };
                let session = calendar.trading_date_for(now).unwrap_or_else(|_| calendar.local_date(now));
                let also = |d: &&Difference| answer == Answer::AllMine && d.kind == DifferenceKind::FirstSurplus && d.id != id;
                for difference in std::iter::once(asked).chain(open.iter().filter(also)) {
                    let mut answering = Answering { tx, account, user, now, session, difference };
                    answering.book(answer)?;
                    tx.audit(now, Some(user), "difference.answered", json!({ "difference": difference, "answer": words(answer) }))?;
                }
                Ok(())
            })
            .await?;
        self.bus.publish(user, LiveEvent::Account { account_id: account });
        self.bus.publish(user, LiveEvent::Portfolio { account_id: account });
        self.questions(user, account)
    }
}
/// Shares after a split; a whole number where only the last digits of a fraction are in its way.
fn split_shares(ratio: SplitRatio, shares: Decimal) -> Decimal {
    let after = ratio.shares(shares);
    let whole = after.round();
    if (after - whole).abs() < dec!(0.000000001) { whole } else { after }
}

fn words(answer: Answer) -> String {
    match answer {
        Answer::Mine => "mine".to_owned(),
        Answer::AllMine => "all_mine".to_owned(),
        Answer::OfBot { bot, .. } => format!("bot {bot}"),
        Answer::Split { ratio: None } => "split".to_owned(),
        Answer::Split { ratio: Some(ratio) } => format!("split, {} for {}", ratio.new, ratio.old),
        Answer::NoSplit => "no_split".to_owned(),
        Answer::Cash(reason) => format!("{reason:?}").to_lowercase(),
    }
}

/// One answer inside its transaction.
struct Answering<'t, 'b> {
    tx: &'t mut UserTx<'b>,
    account: AccountId,
    user: UserId,
    now: Timestamp,
    /// The session that the answer counts for.
    session: Date,
    difference: &'t Difference,
}

impl Answering<'_, '_> {
    fn key(&self) -> Key {
        question_key(self.account, self.difference.market, &self.difference.symbol)
    }

    fn record(&mut self, event: Event) -> Result<(), StoreError> {
        record_by(self.tx, self.account, self.now, self.user, event).map(drop)
    }

    fn book(&mut self, answer: Answer) -> Result<(), TradingError> {
        let difference = self.difference;
        let held = self.tx.get(&POSITIONS, &self.key())?.map_or(Decimal::ZERO, |p| p.quantity);
        // A price's question names the shares only by the way.
        if difference.price.is_none() && held != difference.ours {
            return Err(TradingError::refused(
                "difference_changed",
                format!(
                    "the books hold {held} {} by now, not {}: compare again and look at the new figures",
                    difference.symbol, difference.ours
                ),
            ));
        }
        match (difference.kind, answer) {
            (DifferenceKind::SplitSuspected | DifferenceKind::Unexplained, Answer::Split { ratio }) => {
                let proposed = match difference.proposal {
                    Some(Proposal::Split { ratio }) => Some(ratio),
                    _ => None,
                };
                let Some(ratio) = ratio.or(proposed) else {
                    let detail = "no ratio is near these figures: give the new and the old number of shares";
                    return Err(TradingError::field("/new_shares", "split_required", detail));
                };
                self.split(ratio)?;
            }
            (DifferenceKind::SplitSuspected, Answer::NoSplit) => return self.no_split().map_err(TradingError::from),
            (DifferenceKind::SplitAwaited, Answer::NoSplit) => self.take_split_back()?,
            (DifferenceKind::FirstSurplus, Answer::Mine | Answer::AllMine)
            | (DifferenceKind::OutsideTrade | DifferenceKind::Unexplained, Answer::Mine) => self.adopt(None, None)?,
            (DifferenceKind::FirstSurplus | DifferenceKind::OutsideTrade | DifferenceKind::Unexplained, Answer::OfBot { bot, price }) => {
                let bot = self.bot(bot)?;
                self.adopt(Some(&bot), price)?;
            }
            (kind, _) => {
                let able = match kind {
                    DifferenceKind::FirstSurplus => "'mine', 'all_mine' or 'bot'",
                    DifferenceKind::OutsideTrade => "'mine' or 'bot'",
                    DifferenceKind::Unexplained => "'mine', 'bot' or 'split'",
                    DifferenceKind::SplitSuspected => "'split' or 'no_split'",
                    DifferenceKind::SplitAwaited => "'no_split', which takes the split back; it ends when the broker shows the new shares",
                };
                return Err(TradingError::field("/action", "answer_not_possible", format!("this question takes {able}")));
            }
        }
        mark_seen(self.tx, self.account, difference.market, &difference.executions)?;
        self.tx.remove(&DIFFERENCES, &self.key())?;
        let notice = Notice::DifferenceEnded { symbol: difference.symbol.clone() };
        self.tx.post(self.account, self.now, notice.level(), &notice)?;
        Ok(())
    }

    fn bot(&self, id: BotId) -> Result<Bot, TradingError> {
        let bot: Bot = self
            .tx
            .get(&BOTS, &account_key(self.account).id(id.as_bytes()))?
            .ok_or_else(|| TradingError::field("/bot_id", "unknown_bot", "the account has no such bot"))?;
        if bot.symbol != self.difference.symbol || bot.market != self.difference.market {
            let detail = format!("{} trades {}, not {}", bot.name, bot.symbol, self.difference.symbol);
            return Err(TradingError::field("/bot_id", "other_symbol", detail));
        }
        Ok(bot)
    }

    /// The trades that an adoption books: the executions where they explain it, otherwise the shares.
    /// `held` is what the bot, or the person, has before them.
    fn trades(&self, bot: Option<&Bot>, price: Option<Decimal>, mut held: Decimal) -> Result<Vec<ExternalTrade>, TradingError> {
        let difference = self.difference;
        let (market, symbol, bot_id) = (difference.market, difference.symbol.clone(), bot.map(|b| b.id));
        if difference.kind == DifferenceKind::OutsideTrade {
            let mut executions: Vec<_> = difference.executions.iter().collect();
            executions.sort_by_key(|e| (e.date, e.ordered_at));
            let goes_short = executions.iter().any(|e| {
                held += e.signed();
                held < Decimal::ZERO
            });
            if goes_short {
                // Order times are not execution times: nobody sold what was not there.
                executions.sort_by_key(|e| e.side == Side::Sell);
            }
            return Ok(executions
                .into_iter()
                .map(|e| ExternalTrade {
                    market,
                    symbol: symbol.clone(),
                    side: e.side,
                    quantity: Decimal::from(e.quantity),
                    gross: e.gross,
                    origin: ExternalOrigin::Execution,
                    execution: Some(e.clone()),
                    bot_id,
                })
                .collect());
        }
        let gained = difference.brokers - difference.ours;
        let (side, quantity) = if gained > Decimal::ZERO { (Side::Buy, gained) } else { (Side::Sell, -gained) };
        if price.is_some_and(|price| price <= Decimal::ZERO || price > Decimal::from(MOST_PRICE)) {
            let detail = format!("give the price per share: above zero and at most {MOST_PRICE}");
            return Err(TradingError::field("/price", "invalid", detail));
        }
        let shown = difference.average_price.filter(|_| side == Side::Buy);
        let price = match (bot, price.or(shown)) {
            (_, Some(price)) if price > Decimal::ZERO => price,
            (Some(_), _) => {
                let detail = "no execution tells the price of this trade: give the price per share above zero";
                return Err(TradingError::field("/price", "price_required", detail));
            }
            (None, _) => Decimal::ZERO,
        };
        let origin = match difference.kind {
            DifferenceKind::FirstSurplus => ExternalOrigin::Opening,
            _ => ExternalOrigin::Unexplained,
        };
        Ok(vec![ExternalTrade { market, symbol, side, quantity, gross: price * quantity, origin, execution: None, bot_id }])
    }

    /// Books the difference for the person, or for a bot.
    fn adopt(&mut self, bot: Option<&Bot>, price: Option<Decimal>) -> Result<(), TradingError> {
        let difference = self.difference;
        let gained = match difference.kind {
            DifferenceKind::OutsideTrade => difference.executions.iter().map(OutsideExecution::signed).sum(),
            _ => difference.brokers - difference.ours,
        };
        let lost = (-gained).max(Decimal::ZERO);
        let books = Books::read(&self.tx.view(), self.account)?;
        let of_bots = decimal_from_f64(books.held_by_bots(&difference.symbol)).unwrap_or_default();
        let held = match bot {
            Some(bot) => decimal_from_f64(books.unsold_of(bot.id)).unwrap_or_default(),
            None => (difference.ours - of_bots).max(Decimal::ZERO),
        };
        match bot {
            None if lost > held => {
                let detail = format!(
                    "the books have {} {} of which {of_bots} are bots' shares, the broker shows {}: the shares that are gone are not all yours, name the bot that they were",
                    difference.ours, difference.symbol, difference.brokers
                );
                return Err(TradingError::refused("not_your_shares", detail));
            }
            Some(bot) if lost > held => {
                let detail = format!("{} has {held} {} left, {lost} are gone at the broker", bot.name, difference.symbol);
                return Err(TradingError::refused("bot_holds_less", detail));
            }
            _ => {}
        }
        for trade in self.trades(bot, price, held)? {
            let fill = (trade.side, f64_from_decimal(trade.quantity), f64_from_decimal(trade.gross));
            self.record(Event::ExternalTradeAdopted { trade: Box::new(trade) })?;
            if let Some(bot) = bot {
                self.book_for(bot, fill)?;
            }
        }
        Ok(())
    }

    /// The trade in the bot's own books, as one of its own.
    fn book_for(&mut self, bot: &Bot, (side, quantity, total): (Side, f64, f64)) -> Result<(), StoreError> {
        let holdings = Books::read(&self.tx.view(), self.account)?.holdings_of(bot.id);
        let held: f64 = holdings.iter().map(|h| h.quantity).sum();
        let kind = match side {
            Side::Buy => TradeKind::Buy,
            Side::Sell if quantity >= held => TradeKind::Sell,
            Side::Sell => TradeKind::SellPart,
        };
        let fill = SliceFill { kind, quantity, unit_price: cents(total / quantity), total: cents(total) };
        // Trades before it may have changed the bot's added seed.
        let bot: Bot = self.tx.require(&BOTS, &account_key(self.account).id(bot.id.as_bytes()))?;
        let at = BookedAt { traded: self.now, now: self.now };
        book_fill(self.tx, self.account, &bot, &fill, BookingOrigin::OutsideTrade, at).map(drop)
    }

    /// Books a split: shares times the ratio, prices divided by it, cost as it was.
    fn split(&mut self, ratio: SplitRatio) -> Result<(), TradingError> {
        self.rescale(ratio)?;
        self.remember_answer(Some(ratio))?;
        Ok(())
    }

    /// A split that was confirmed by mistake: everything is as it was before it.
    fn take_split_back(&mut self) -> Result<(), TradingError> {
        let (market, symbol) = (self.difference.market, &self.difference.symbol);
        let Some(ratio) = recent_split(&self.tx.view(), self.account, market, symbol, self.now)? else {
            let detail = "the split was confirmed too long ago to be taken back here: correct the holdings instead";
            return Err(TradingError::refused("split_too_old", detail));
        };
        self.rescale(ratio.inverse())?;
        let key = self.key();
        if let Some(known) = self.tx.get(&KNOWN_PRICES, &key)? {
            // The price that the split explained is a real one now.
            let known = KnownPrice { split: None, answered: Some(self.session), ..known };
            self.tx.put(&KNOWN_PRICES, &key, &known)?;
        }
        Ok(())
    }

    /// Every share of the symbol becomes `ratio` shares; cost stays.
    fn rescale(&mut self, ratio: SplitRatio) -> Result<(), TradingError> {
        let difference = self.difference;
        let books = Books::read(&self.tx.view(), self.account)?;
        let of_symbol = |market: Market, symbol: &str| market == difference.market && symbol == difference.symbol;
        if books.open_orders.iter().any(|o| of_symbol(o.intent.market, &o.intent.symbol)) {
            let detail = format!("an order for {} is still open: cancel it or wait for its end", difference.symbol);
            return Err(TradingError::refused("order_open", detail));
        }
        if books.sheets.iter().any(|s| of_symbol(s.market, &s.symbol) && books.is_imported(s) && s.fills().next().is_some()) {
            let detail = format!("an imported sheet for {} counts old shares: book or discard its fills first", difference.symbol);
            return Err(TradingError::refused("sheet_open", detail));
        }
        let sheets = || books.sheets.iter().filter(|s| of_symbol(s.market, &s.symbol));
        if sheets().any(|s| s.fills().next().is_some()) {
            let detail =
                format!("a sheet for {} has executions that are not booked yet: wait until its session has ended", difference.symbol);
            return Err(TradingError::refused("sheet_open", detail));
        }
        // What they ask for was counted in old shares.
        for sheet_id in sheets().map(|s| s.id).collect::<Vec<_>>() {
            self.record(Event::SheetClosed { sheet_id, reason: SheetEnd::Replaced })?;
        }
        let number = |value: f64| decimal_from_f64(value).ok_or_else(|| StoreError::Corrupt(format!("{value} is no number of shares")));
        let (mut holdings, mut gained) = (Vec::new(), Decimal::ZERO);
        for holding in books.holdings.iter().filter(|h| !h.reserve && of_symbol(h.market, &h.symbol)) {
            let (shares, price) = (number(holding.quantity)?, number(holding.average_price)?);
            let after = split_shares(ratio, shares);
            gained += after - shares;
            holdings.push(Holding {
                quantity: f64_from_decimal(after),
                average_price: f64_from_decimal(ratio.price(price)),
                ..holding.clone()
            });
        }
        let before = self.tx.get(&POSITIONS, &self.key())?.map_or(Decimal::ZERO, |p| p.quantity);
        let quantity_after = split_shares(ratio, before);
        let own_change = quantity_after - before - gained;
        let (market, symbol) = (difference.market, difference.symbol.clone());
        let split = SplitBooking { market, symbol, ratio, quantity_after, own_change, holdings };
        self.record(Event::SplitBooked { split: Box::new(split) })?;
        self.rescale_stops(&books, ratio)?;
        Ok(())
    }

    /// Trailing stops follow a price.
    fn rescale_stops(&mut self, books: &Books, ratio: SplitRatio) -> Result<(), StoreError> {
        let (new, old) = (f64::from(ratio.new), f64::from(ratio.old));
        let trailed = |b: &&Bot| {
            b.symbol == self.difference.symbol
                && b.market == self.difference.market
                && (b.trailing_high_watermark != 0.0 || b.trailing_stop != 0.0)
        };
        for bot in books.bots.iter().filter(trailed).cloned().collect::<Vec<_>>() {
            let after = Bot {
                trailing_high_watermark: bot.trailing_high_watermark * old / new,
                trailing_stop: bot.trailing_stop * old / new,
                version: bot.version + 1,
                ..bot
            };
            self.tx.put(&BOTS, &account_key(self.account).id(after.id.as_bytes()), &after)?;
        }
        Ok(())
    }

    /// This session's price is not asked about again.
    fn remember_answer(&mut self, confirmed: Option<SplitRatio>) -> Result<(), StoreError> {
        let known = self.tx.get(&KNOWN_PRICES, &self.key())?;
        let now_price = self.difference.price.as_ref().map(|p| p.now);
        let (session, price, split) = match known {
            // After a split known before its price: the price follows the shares.
            Some(k) => {
                let price = now_price.unwrap_or(confirmed.map_or(k.price, |ratio| ratio.price(k.price)));
                (k.session, price, k.split)
            }
            None => match now_price {
                Some(price) => (self.session, price, None),
                None if confirmed.is_none() => return Ok(()),
                None => (self.session, Decimal::ZERO, None),
            },
        };
        let split = confirmed.map(|ratio| (ratio, self.now)).or(split);
        let known = KnownPrice { session, price, at: self.now, answered: Some(self.session), split };
        self.tx.put(&KNOWN_PRICES, &self.key(), &known)
    }

    /// No split: an unexplained change of the shares is still one, a price is simply the price.
    fn no_split(&mut self) -> Result<(), StoreError> {
        self.remember_answer(None)?;
        let difference = self.difference;
        if difference.ours == difference.brokers {
            self.tx.remove(&DIFFERENCES, &self.key())?;
            let notice = Notice::DifferenceEnded { symbol: difference.symbol.clone() };
            return self.tx.post(self.account, self.now, notice.level(), &notice).map(drop);
        }
        let asked = Difference {
            id: DifferenceId(time_ordered(self.now)),
            kind: DifferenceKind::Unexplained,
            proposal: None,
            // What is left to ask about is the shares.
            price: None,
            split_denied: true,
            ..difference.clone()
        };
        self.tx.put(&DIFFERENCES, &self.key(), &asked)
    }
}
