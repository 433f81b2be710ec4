//! Korean holdings, cash, buying power and sellable shares.

use std::collections::BTreeSet;

use jiff::civil::Date;
use rust_decimal::Decimal;

use super::super::super::exchange::{AccountBook, Listing, Position, SimExchange};
use super::super::call::{Answer, Call};
use super::super::failure::Failure;
use super::super::format::{Row, filled, fixed, floored, percent, row, won};
use super::super::paging::{CTX100, page};
use super::orders::sizing_price;
use super::{find, named};
use crate::domain::instrument::Market;
use crate::domain::money::Currency;
use crate::domain::order::Side;

const LIVE_HOLDINGS_PER_PAGE: usize = 50;
const PAPER_HOLDINGS_PER_PAGE: usize = 20;
/// Part of the amount that a buyer with receivables (미수) must hold.
const MARGIN_RATE: Decimal = Decimal::from_parts(40, 0, 0, false, 2);

/// Today and the two sessions before it.
struct Days {
    today: Date,
    before: Date,
    two_before: Date,
    next: Date,
}

fn days(exchange: &SimExchange, call: &Call) -> Days {
    let calendar = exchange.market.calendar(Market::Krx);
    let today = calendar.local_date(call.now);
    let earlier = |date| calendar.session_before(date).map_or(date, |session| session.date);
    let before = earlier(today);
    Days { today, before, two_before: earlier(before), next: calendar.session_after(today).map_or(today, |session| session.date) }
}

/// A position with its valuation, won.
struct Holding {
    listing: &'static Listing,
    position: Position,
    sellable: Decimal,
    last: Decimal,
    base: Decimal,
    /// Bought and sold today, bought and sold the session before.
    traded: [u64; 4],
}

impl Holding {
    fn value(&self) -> Decimal {
        self.position.quantity * self.last
    }

    fn profit(&self) -> Decimal {
        self.value() - self.position.cost
    }
}

/// All holdings; what was sold out stays in the list until the sale has settled.
fn holdings(exchange: &mut SimExchange, call: &Call, days: &Days) -> Vec<Holding> {
    let Some(book) = exchange.account(&call.account(), call.now) else { return Vec::new() };
    let sold = [days.today, days.before, days.two_before].into_iter().flat_map(|date| {
        book.orders_of(Market::Krx, date).filter(|order| order.side == Side::Sell && order.filled > 0).map(|order| order.listing.symbol)
    });
    let symbols: BTreeSet<&str> = book.positions.keys().map(String::as_str).chain(sold).collect();
    let mut holdings: Vec<Holding> = symbols
        .into_iter()
        .filter_map(|symbol| {
            let traded = |side, date| book.traded(Market::Krx, Some(symbol), side, date).0;
            Some(Holding {
                listing: find(symbol)?,
                position: book.positions.get(symbol).cloned().unwrap_or_default(),
                sellable: book.sellable(symbol),
                last: Decimal::ZERO,
                base: Decimal::ZERO,
                traded: [
                    traded(Side::Buy, days.today),
                    traded(Side::Sell, days.today),
                    traded(Side::Buy, days.before),
                    traded(Side::Sell, days.before),
                ],
            })
        })
        .collect();
    for holding in &mut holdings {
        if let Some(snapshot) = exchange.market.snapshot(holding.listing, call.now) {
            holding.last = snapshot.bar.close;
            holding.base = snapshot.base;
        }
    }
    holdings
}

/// Columns of a holding that are always the same here.
const HOLDING_DEFAULTS: [(&str, &str); 8] = [
    ("trad_dvsn_name", "현금"),
    ("evlu_erng_rt", "0.00000000"),
    ("loan_dt", ""),
    ("loan_amt", "0"),
    ("stln_slng_chgs", "0"),
    ("expd_dt", ""),
    ("stck_loan_unpr", "0.0000"),
    ("fltt_rt", "0.00000000"),
];

fn holding_row(holding: &Holding) -> Row {
    let [bought, sold, bought_before, sold_before] = holding.traded;
    let change = holding.last - holding.base;
    let columns = row([
        ("pdno", holding.listing.symbol.to_owned()),
        ("prdt_name", holding.listing.name.to_owned()),
        ("bfdy_buy_qty", bought_before.to_string()),
        ("bfdy_sll_qty", sold_before.to_string()),
        ("thdt_buyqty", bought.to_string()),
        ("thdt_sll_qty", sold.to_string()),
        ("hldg_qty", floored(holding.position.quantity, 0)),
        ("ord_psbl_qty", floored(holding.sellable, 0)),
        ("pchs_avg_pric", fixed(holding.position.average_price(), 4)),
        ("pchs_amt", won(holding.position.cost)),
        ("prpr", won(holding.last)),
        ("evlu_amt", won(holding.value())),
        ("evlu_pfls_amt", won(holding.profit())),
        ("evlu_pfls_rt", fixed(percent(holding.profit(), holding.position.cost), 2)),
        ("fltt_rt", fixed(percent(change, holding.base), 8)),
        ("bfdy_cprs_icdc", won(change)),
    ]);
    filled(&HOLDING_DEFAULTS, columns)
}

/// Totals that are always the same here.
const TOTAL_DEFAULTS: [(&str, &str); 9] = [
    ("cma_evlu_amt", "0"),
    ("nxdy_auto_rdpt_amt", "0"),
    ("d2_auto_rdpt_amt", "0"),
    ("tot_loan_amt", "0"),
    ("fncg_gld_auto_rdpt_yn", ""),
    ("tot_stln_slng_chgs", "0"),
    ("asst_icdc_amt", "0"),
    ("asst_icdc_erng_rt", "0.00000000"),
    ("bfdy_tot_asst_evlu_amt", "0"),
];

fn totals(exchange: &mut SimExchange, call: &Call, days: &Days, holdings: &[Holding]) -> Row {
    let value: Decimal = holdings.iter().map(Holding::value).sum();
    let cost: Decimal = holdings.iter().map(|holding| holding.position.cost).sum();
    let nothing = AccountBook::default();
    let book = exchange.account(&call.account(), call.now).unwrap_or(&nothing);
    let traded = |side, date| won(book.traded(Market::Krx, None, side, date).1);
    let expenses = |date| {
        let executions = book.orders_of(Market::Krx, date).flat_map(|order| &order.executions);
        won(executions.map(|execution| execution.fee + execution.tax).sum())
    };
    let columns = row([
        ("dnca_tot_amt", won(book.settled_krw(days.today))),
        ("nxdy_excc_amt", won(book.settled_krw(days.next))),
        ("prvs_rcdl_excc_amt", won(book.cash.krw)),
        ("bfdy_buy_amt", traded(Side::Buy, days.before)),
        ("thdt_buy_amt", traded(Side::Buy, days.today)),
        ("bfdy_sll_amt", traded(Side::Sell, days.before)),
        ("thdt_sll_amt", traded(Side::Sell, days.today)),
        ("bfdy_tlex_amt", expenses(days.before)),
        ("thdt_tlex_amt", expenses(days.today)),
        ("scts_evlu_amt", won(value)),
        ("tot_evlu_amt", won(value + book.cash.krw)),
        ("nass_amt", won(value + book.cash.krw)),
        ("pchs_amt_smtl_amt", won(cost)),
        ("evlu_amt_smtl_amt", won(value)),
        ("evlu_pfls_smtl_amt", won(value - cost)),
        ("bfdy_tot_asst_evlu_amt", won(value + book.cash.krw)),
    ]);
    filled(&TOTAL_DEFAULTS, columns)
}

/// Request fields that paged answers echo.
const CONDITIONS: [&str; 7] =
    ["CANO", "ACNT_PRDT_CD", "AFHR_FLPR_YN", "FUND_STTL_ICLD_YN", "UNPR_DVSN", "INQR_DVSN", "FNCG_AMT_AUTO_RDPT_YN"];

fn paged_balance(call: &Call, holdings: Vec<Holding>, totals: Row, make: impl Fn(&Holding) -> Row) -> Answer {
    let size = if call.is_paper() { PAPER_HOLDINGS_PER_PAGE } else { LIVE_HOLDINGS_PER_PAGE };
    let empty = holdings.is_empty();
    let page = page(call, CTX100, holdings, size, |holding| format!("{}^", holding.listing.symbol));
    let rows = page.items.iter().map(make).collect();
    let answer = Answer::query(call, empty).array("output1", rows).array("output2", vec![totals]);
    page.finish(call, answer, &CONDITIONS)
}

/// TTTC8434R, VTTC8434R.
pub(in super::super) fn balance(exchange: &mut SimExchange, call: &Call) -> Result<Answer, Failure> {
    let days = days(exchange, call);
    let holdings = holdings(exchange, call, &days);
    let totals = totals(exchange, call, &days, &holdings);
    Ok(paged_balance(call, holdings, totals, |holding| {
        let mut columns = holding_row(holding);
        let rate = if holding.listing.krx_fund { "" } else { "20%" };
        columns.extend(row([
            ("item_mgna_rt_name", rate.to_owned()),
            ("grta_rt_name", String::new()),
            ("sbst_pric", won((holding.base * Decimal::new(8, 1)).floor())),
        ]));
        columns
    }))
}

/// TTTC8494R: the balance with what today's sells have realised.
pub(in super::super) fn balance_with_profit(exchange: &mut SimExchange, call: &Call) -> Result<Answer, Failure> {
    let days = days(exchange, call);
    let holdings = holdings(exchange, call, &days);
    let mut totals = totals(exchange, call, &days, &holdings);
    let with_costs = call.parameters.text("COST_ICLD_YN") == "Y";
    let (mut realised, mut sold_cost) = (Decimal::ZERO, Decimal::ZERO);
    if let Some(book) = exchange.account(&call.account(), call.now) {
        let sells = book.orders_of(Market::Krx, days.today).filter(|order| order.side == Side::Sell);
        for execution in sells.flat_map(|order| &order.executions) {
            let costs = if with_costs { execution.fee + execution.tax } else { Decimal::ZERO };
            realised += execution.profit - costs;
            sold_cost += execution.price * Decimal::from(execution.quantity) - execution.profit;
        }
    }
    let cost: Decimal = holdings.iter().map(|holding| holding.position.cost).sum();
    let profit: Decimal = holdings.iter().map(Holding::profit).sum();
    totals.extend(row([
        ("rlzt_pfls", won(realised)),
        ("rlzt_erng_rt", fixed(percent(realised, sold_cost), 8)),
        ("real_evlu_pfls", won(profit)),
        ("real_evlu_pfls_erng_rt", fixed(percent(profit, cost), 8)),
    ]));
    Ok(paged_balance(call, holdings, totals, holding_row))
}

/// TTTC8908R, VTTC8908R.
pub(in super::super) fn buying_power(exchange: &mut SimExchange, call: &Call) -> Result<Answer, Failure> {
    let power = exchange.buying_power(&call.account(), Currency::Krw, call.now);
    let fee_rate = exchange.rules().fee_rate(Currency::Krw);
    let nothing = AccountBook::default();
    let book = exchange.account(&call.account(), call.now).unwrap_or(&nothing);
    let cash = (book.cash.krw - book.reserved_cash(Currency::Krw, fee_rate)).max(Decimal::ZERO);
    let today = call.now;
    let price = if call.parameters.text("PDNO").is_empty() {
        Decimal::ZERO
    } else {
        let listing = named(call)?;
        let session = exchange.market.calendar(Market::Krx).running_or_next_session(today).map(|session| session.date);
        let highest = session.map_or(Decimal::ZERO, |date| exchange.market.limits(listing, date).1);
        sizing_price(call, highest)?
    };
    let shares = |amount: Decimal| if price > Decimal::ZERO { floored(amount / price, 0) } else { "0".to_owned() };
    // With receivables a buyer reaches further than the cash; a cash account must not look there.
    let most = power / MARGIN_RATE;
    let output = row([
        ("ord_psbl_cash", floored(cash, 0)),
        ("ord_psbl_sbst", "0".to_owned()),
        ("ruse_psbl_amt", "0".to_owned()),
        ("fund_rpch_chgs", "0".to_owned()),
        ("psbl_qty_calc_unpr", won(price)),
        ("nrcvb_buy_amt", floored(power, 0)),
        ("nrcvb_buy_qty", shares(power)),
        ("max_buy_amt", floored(most, 0)),
        ("max_buy_qty", shares(most)),
        ("cma_evlu_amt", "0".to_owned()),
        ("ovrs_re_use_amt_wcrc", "0".to_owned()),
        ("ord_psbl_frcr_amt_wcrc", "0".to_owned()),
    ]);
    Ok(Answer::query(call, false).object("output", output))
}

/// TTTC8408R.
pub(in super::super) fn sellable(exchange: &mut SimExchange, call: &Call) -> Result<Answer, Failure> {
    let listing = named(call)?;
    let days = days(exchange, call);
    let held = holdings(exchange, call, &days).into_iter().find(|holding| holding.listing.symbol == listing.symbol);
    let rows: Vec<Row> = held
        .iter()
        .map(|holding| {
            let [bought, sold, ..] = holding.traded;
            row([
                ("pdno", listing.symbol.to_owned()),
                ("prdt_name", listing.name.to_owned()),
                ("buy_qty", bought.to_string()),
                ("sll_qty", sold.to_string()),
                ("cblc_qty", floored(holding.position.quantity, 0)),
                ("nsvg_qty", "0".to_owned()),
                ("ord_psbl_qty", floored(holding.sellable, 0)),
                ("pchs_avg_pric", fixed(holding.position.average_price(), 4)),
                ("pchs_amt", won(holding.position.cost)),
                ("now_pric", won(holding.last)),
                ("evlu_amt", won(holding.value())),
                ("evlu_pfls_amt", won(holding.profit())),
                ("evlu_pfls_rt", fixed(percent(holding.profit(), holding.position.cost), 2)),
            ])
        })
        .collect();
    Ok(Answer::query(call, rows.is_empty()).array("output", rows))
}
