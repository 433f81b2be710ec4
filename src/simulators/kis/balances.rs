//! Holdings, cash and buying power of the overseas ledger.

use rust_decimal::Decimal;

use super::super::exchange::{AccountBook, AccountKey, Listing, SimExchange, find_listing};
use super::call::{Answer, Call};
use super::failure::Failure;
use super::format::{ExchangeCodes, Row, exchange_codes, fixed, floored, percent, row, stamp_text};
use super::lists::page_of_holdings;
use crate::domain::clock::kst_date;
use crate::domain::instrument::Market;
use crate::domain::money::Currency;
use crate::domain::order::Side;

/// A position with its valuation, USD.
struct Holding {
    listing: &'static Listing,
    codes: ExchangeCodes,
    quantity: Decimal,
    sellable: Decimal,
    average: Decimal,
    cost: Decimal,
    last: Decimal,
    value: Decimal,
    bought_today: (u64, Decimal),
    sold_today: (u64, Decimal),
}

/// An account's money, USD.
struct Money {
    cash: Decimal,
    reserved: Decimal,
    realised: Decimal,
    bought_today: Decimal,
    sold_today: Decimal,
    /// Won per dollar.
    rate: Decimal,
}

fn holdings(exchange: &mut SimExchange, account: &AccountKey, call: &Call) -> Vec<Holding> {
    let today = exchange.date(Market::Us, call.now);
    let Some(book) = exchange.account(account, call.now) else { return Vec::new() };
    let mut holdings: Vec<Holding> = book
        .positions
        .iter()
        .filter_map(|(symbol, position)| {
            let listing = find_listing(symbol).filter(|listing| listing.market() == Market::Us)?;
            Some(Holding {
                listing,
                codes: exchange_codes(listing.exchange),
                quantity: position.quantity,
                sellable: book.sellable(symbol),
                average: position.average_price(),
                cost: position.cost,
                last: Decimal::ZERO,
                value: Decimal::ZERO,
                bought_today: book.traded(Market::Us, Some(symbol), Side::Buy, today),
                sold_today: book.traded(Market::Us, Some(symbol), Side::Sell, today),
            })
        })
        .collect();
    for holding in &mut holdings {
        holding.last = exchange.market.price(holding.listing, call.now);
        holding.value = holding.quantity * holding.last;
    }
    holdings
}

fn money(exchange: &mut SimExchange, account: &AccountKey, call: &Call) -> Money {
    let rate = exchange.fx.day(kst_date(call.now)).close;
    let fee_rate = exchange.rules().fee_rate(Currency::Usd);
    let today = exchange.date(Market::Us, call.now);
    let nothing = AccountBook::default();
    let book = exchange.account(account, call.now).unwrap_or(&nothing);
    Money {
        cash: book.cash.usd,
        reserved: book.reserved_cash(Currency::Usd, fee_rate),
        realised: book.realised.usd,
        bought_today: book.traded(Market::Us, None, Side::Buy, today).1,
        sold_today: book.traded(Market::Us, None, Side::Sell, today).1,
        rate,
    }
}

/// TTTS3012R, VTTS3012R.
pub(super) fn balance(exchange: &mut SimExchange, call: &Call) -> Result<Answer, Failure> {
    let account = call.account();
    let wanted = call.parameters.text("OVRS_EXCG_CD");
    let here = |holding: &Holding| match wanted {
        // Live answers for all US exchanges under NASD and has NAS for NASDAQ alone.
        "NASD" if !call.is_paper() => true,
        "NAS" => holding.codes.order == "NASD",
        code => holding.codes.order == code || (call.quirks.repeat_holdings && code == "AMEX"),
    };
    let shown: Vec<Holding> = holdings(exchange, &account, call).into_iter().filter(here).collect();
    let realised = money(exchange, &account, call).realised;
    let cost: Decimal = shown.iter().map(|holding| holding.cost).sum();
    let value: Decimal = shown.iter().map(|holding| holding.value).sum();
    let mut rows: Vec<Row> = shown.iter().map(|holding| balance_row(&account, holding)).collect();
    if call.quirks.padding_row {
        rows.push(blank_balance_row());
    }
    let empty = shown.is_empty();
    let (rows, finish) = page_of_holdings(call, rows);
    let answer = Answer::query(call, empty).array("output1", rows);
    let answer = if empty && call.quirks.empty_totals_as_list {
        answer.array("output2", Vec::new())
    } else {
        answer.object(
            "output2",
            row([
                ("frcr_pchs_amt1", fixed(cost, 5)),
                ("ovrs_rlzt_pfls_amt", fixed(realised, 5)),
                ("ovrs_tot_pfls", fixed(value - cost + realised, 5)),
                ("rlzt_erng_rt", fixed(percent(realised, cost), 8)),
                // The broker's example shows the valuation here, not the profit.
                ("tot_evlu_pfls_amt", fixed(value, 8)),
                ("tot_pftrt", fixed(percent(value - cost, cost), 8)),
                ("frcr_buy_amt_smtl1", fixed(cost, 6)),
                ("ovrs_rlzt_pfls_amt2", fixed(realised, 5)),
                ("frcr_buy_amt_smtl2", fixed(cost, 6)),
            ]),
        )
    };
    Ok(finish(answer))
}

fn balance_row(account: &AccountKey, holding: &Holding) -> Row {
    row([
        ("cano", account.cano.clone()),
        ("acnt_prdt_cd", account.product.clone()),
        ("prdt_type_cd", holding.codes.product_type.to_owned()),
        ("ovrs_pdno", holding.listing.symbol.to_owned()),
        ("ovrs_item_name", holding.listing.name.to_owned()),
        ("frcr_evlu_pfls_amt", fixed(holding.value - holding.cost, 6)),
        ("evlu_pfls_rt", fixed(percent(holding.value - holding.cost, holding.cost), 2)),
        ("pchs_avg_pric", fixed(holding.average, 4)),
        ("ovrs_cblc_qty", floored(holding.quantity, 0)),
        ("ord_psbl_qty", floored(holding.sellable, 0)),
        ("frcr_pchs_amt1", fixed(holding.cost, 5)),
        ("ovrs_stck_evlu_amt", fixed(holding.value, 8)),
        ("now_pric2", fixed(holding.last, 6)),
        ("tr_crcy_cd", "USD".to_owned()),
        ("ovrs_excg_cd", holding.codes.order.to_owned()),
        ("loan_type_cd", "10".to_owned()),
        ("loan_dt", String::new()),
        ("expd_dt", String::new()),
    ])
}

fn blank_balance_row() -> Row {
    let names = [
        "cano",
        "acnt_prdt_cd",
        "prdt_type_cd",
        "ovrs_pdno",
        "ovrs_item_name",
        "frcr_evlu_pfls_amt",
        "evlu_pfls_rt",
        "pchs_avg_pric",
        "ovrs_cblc_qty",
        "ord_psbl_qty",
        "frcr_pchs_amt1",
        "ovrs_stck_evlu_amt",
        "now_pric2",
        "tr_crcy_cd",
        "ovrs_excg_cd",
        "loan_type_cd",
        "loan_dt",
        "expd_dt",
    ];
    row(names.map(|name| (name, String::new())))
}

/// The factor from dollars to the currency that the call wants its amounts in.
fn factor(call: &Call, rate: Decimal) -> Decimal {
    if call.parameters.text("WCRC_FRCR_DVSN_CD") == "01" { rate } else { Decimal::ONE }
}

/// CTRP6504R, VTRP6504R.
pub(super) fn present_balance(exchange: &mut SimExchange, call: &Call) -> Result<Answer, Failure> {
    let account = call.account();
    let holdings = holdings(exchange, &account, call);
    let money = money(exchange, &account, call);
    let unit = factor(call, money.rate);
    // On the real paper host only output3 carries figures.
    let shown = if call.is_paper() && call.quirks.paper_totals_only { Decimal::ZERO } else { Decimal::ONE };
    let rows: Vec<Row> = holdings.iter().map(|holding| present_row(holding, &money, unit * shown, shown)).collect();
    let cash = money.cash * shown;
    let value: Decimal = holdings.iter().map(|holding| holding.value).sum();
    let cost: Decimal = holdings.iter().map(|holding| holding.cost).sum();
    let free = ((money.cash - money.reserved) * shown).max(Decimal::ZERO);
    let currency = row([
        ("crcy_cd", "USD".to_owned()),
        ("crcy_cd_name", "미국 달러".to_owned()),
        ("frcr_buy_amt_smtl", fixed(money.bought_today * shown, 6)),
        ("frcr_sll_amt_smtl", fixed(money.sold_today * shown, 6)),
        ("frcr_dncl_amt_2", fixed(cash, 6)),
        ("frst_bltn_exrt", fixed(money.rate, 8)),
        ("frcr_buy_mgn_amt", fixed(money.reserved * shown, 6)),
        ("frcr_etc_mgna", fixed(Decimal::ZERO, 6)),
        ("frcr_drwg_psbl_amt_1", fixed(free, 6)),
        ("frcr_evlu_amt2", fixed(cash * money.rate, 6)),
        ("acpl_cstd_crcy_yn", "N".to_owned()),
        ("nxdy_frcr_drwg_psbl_amt", fixed(free, 6)),
    ]);
    let won = |amount: Decimal| fixed(amount * money.rate, 0);
    let zero = || "0".to_owned();
    let totals = row([
        ("pchs_amt_smtl", won(cost)),
        ("evlu_amt_smtl", won(value)),
        ("evlu_pfls_amt_smtl", won(value - cost)),
        ("dncl_amt", zero()),
        ("cma_evlu_amt", zero()),
        ("tot_dncl_amt", won(money.cash)),
        ("etc_mgna", zero()),
        ("wdrw_psbl_tot_amt", won((money.cash - money.reserved).max(Decimal::ZERO))),
        ("frcr_evlu_tota", won(money.cash)),
        ("evlu_erng_rt1", fixed(percent(value - cost, cost), 10)),
        ("pchs_amt_smtl_amt", won(cost)),
        ("evlu_amt_smtl_amt", won(value)),
        ("tot_evlu_pfls_amt", fixed((value - cost) * money.rate, 8)),
        ("tot_asst_amt", won(value + money.cash)),
        ("buy_mgn_amt", won(money.reserved)),
        ("mgna_tota", won(money.reserved)),
        ("frcr_use_psbl_amt", fixed((money.cash - money.reserved).max(Decimal::ZERO), 2)),
        ("ustl_sll_amt_smtl", won(money.sold_today)),
        ("ustl_buy_amt_smtl", won(money.bought_today)),
        ("tot_frcr_cblc_smtl", fixed(money.cash * money.rate, 6)),
        ("tot_loan_amt", zero()),
    ]);
    Ok(Answer::query(call, false).array("output1", rows).array("output2", vec![currency]).object("output3", totals))
}

fn present_row(holding: &Holding, money: &Money, unit: Decimal, shown: Decimal) -> Row {
    let profit = holding.value - holding.cost;
    let shares = |quantity: Decimal| fixed(quantity * shown, 8);
    row([
        ("prdt_name", holding.listing.name.to_owned()),
        ("cblc_qty13", shares(holding.quantity)),
        ("thdt_buy_ccld_qty1", shares(holding.bought_today.0.into())),
        ("thdt_sll_ccld_qty1", shares(holding.sold_today.0.into())),
        ("ccld_qty_smtl1", shares(holding.quantity)),
        ("ord_psbl_qty1", shares(holding.sellable)),
        ("frcr_pchs_amt", fixed(holding.cost * unit, 5)),
        ("frcr_evlu_amt2", fixed(holding.value * unit, 6)),
        ("evlu_pfls_amt2", fixed(profit * unit, 5)),
        ("evlu_pfls_rt1", fixed(percent(profit, holding.cost) * shown, 8)),
        ("pdno", holding.listing.symbol.to_owned()),
        ("bass_exrt", fixed(money.rate, 8)),
        ("buy_crcy_cd", "USD".to_owned()),
        ("ovrs_now_pric1", fixed(holding.last * shown, 5)),
        ("avg_unpr3", fixed(holding.average * shown, 4)),
        ("tr_mket_name", holding.codes.name.to_owned()),
        ("natn_kor_name", "미국".to_owned()),
        ("pchs_rmnd_wcrc_amt", fixed(holding.cost * money.rate * shown, 0)),
        ("thdt_buy_ccld_frcr_amt", fixed(holding.bought_today.1 * shown, 6)),
        ("thdt_sll_ccld_frcr_amt", fixed(holding.sold_today.1 * shown, 6)),
        ("unit_amt", "1".to_owned()),
        ("std_pdno", String::new()),
        ("prdt_type_cd", holding.codes.product_type.to_owned()),
        ("scts_dvsn_name", "해외ETF".to_owned()),
        ("loan_rmnd", "0".to_owned()),
        ("loan_dt", String::new()),
        ("loan_expd_dt", String::new()),
        ("ovrs_excg_cd", holding.codes.order.to_owned()),
        ("item_lnkg_excg_cd", holding.codes.price.to_owned()),
    ])
}

/// CTRP6010R. Trades settle at once here, so it agrees with the balance on an execution basis.
pub(super) fn settled_balance(exchange: &mut SimExchange, call: &Call) -> Result<Answer, Failure> {
    let account = call.account();
    let holdings = holdings(exchange, &account, call);
    let money = money(exchange, &account, call);
    let unit = factor(call, money.rate);
    let rows = holdings
        .iter()
        .map(|holding| {
            let profit = holding.value - holding.cost;
            row([
                ("pdno", holding.listing.symbol.to_owned()),
                ("prdt_name", holding.listing.name.to_owned()),
                ("cblc_qty13", fixed(holding.quantity, 8)),
                ("ord_psbl_qty1", fixed(holding.sellable, 8)),
                ("avg_unpr3", fixed(holding.average, 4)),
                ("ovrs_now_pric1", fixed(holding.last, 5)),
                ("frcr_pchs_amt", fixed(holding.cost * unit, 5)),
                ("frcr_evlu_amt2", fixed(holding.value * unit, 6)),
                ("evlu_pfls_amt2", fixed(profit * unit, 5)),
                ("bass_exrt", fixed(money.rate, 8)),
                ("oprt_dtl_dtime", stamp_text(call.now)),
                ("buy_crcy_cd", "USD".to_owned()),
                ("thdt_sll_ccld_qty1", fixed(holding.sold_today.0.into(), 8)),
                ("thdt_buy_ccld_qty1", fixed(holding.bought_today.0.into(), 8)),
                ("evlu_pfls_rt1", fixed(percent(profit, holding.cost), 8)),
                ("tr_mket_name", holding.codes.name.to_owned()),
                ("natn_kor_name", "미국".to_owned()),
                ("std_pdno", String::new()),
                ("mgge_qty", "0".to_owned()),
                ("loan_rmnd", "0".to_owned()),
                ("prdt_type_cd", holding.codes.product_type.to_owned()),
                ("ovrs_excg_cd", holding.codes.order.to_owned()),
                ("scts_dvsn_name", "해외ETF".to_owned()),
                ("ldng_cblc_qty", "0".to_owned()),
            ])
        })
        .collect();
    let value: Decimal = holdings.iter().map(|holding| holding.value).sum();
    let cost: Decimal = holdings.iter().map(|holding| holding.cost).sum();
    let currency = row([
        ("crcy_cd", "USD".to_owned()),
        ("crcy_cd_name", "미국 달러".to_owned()),
        ("frcr_dncl_amt_2", fixed(money.cash, 6)),
        ("frst_bltn_exrt", fixed(money.rate, 8)),
        ("frcr_evlu_amt2", fixed(money.cash * unit, 6)),
    ]);
    let totals = row([
        ("pchs_amt_smtl_amt", fixed(cost * money.rate, 0)),
        ("tot_evlu_pfls_amt", fixed((value - cost) * money.rate, 8)),
        ("evlu_erng_rt1", fixed(percent(value - cost, cost), 10)),
        ("tot_dncl_amt", fixed(money.cash * money.rate, 0)),
        ("wcrc_evlu_amt_smtl", fixed(value * money.rate, 6)),
        ("tot_asst_amt2", fixed((value + money.cash) * money.rate, 6)),
        ("frcr_cblc_wcrc_evlu_amt_smtl", fixed(value * money.rate, 6)),
        ("tot_loan_amt", "0".to_owned()),
        ("tot_ldng_evlu_amt", "0".to_owned()),
    ]);
    Ok(Answer::query(call, false).array("output1", rows).array("output2", vec![currency]).object("output3", totals))
}

/// TTTS3007R, VTTS3007R.
pub(super) fn buying_power(exchange: &mut SimExchange, call: &Call) -> Result<Answer, Failure> {
    let symbol = call.parameters.text("ITEM_CD");
    let code = call.parameters.text("OVRS_EXCG_CD");
    find_listing(symbol)
        .filter(|listing| listing.market() == Market::Us && exchange_codes(listing.exchange).order == code)
        .ok_or_else(|| Failure::unknown_symbol(call.environment))?;
    let price = call.parameters.decimal("OVRS_ORD_UNPR")?;
    let account = call.account();
    let money = money(exchange, &account, call);
    let power = exchange.buying_power(&account, Currency::Usd, call.now);
    // The sum of today's sells is already part of the cash.
    let reusable = money.sold_today.min(power);
    let quantity = if price > Decimal::ZERO { floored(power / price, 0) } else { "0".to_owned() };
    let output = row([
        ("tr_crcy_cd", "USD".to_owned()),
        ("ord_psbl_frcr_amt", floored((money.cash - money.reserved).max(Decimal::ZERO), 2)),
        ("sll_ruse_psbl_amt", floored(reusable, 2)),
        ("ovrs_ord_psbl_amt", floored(power, 2)),
        ("max_ord_psbl_qty", quantity.clone()),
        ("echm_af_ord_psbl_amt", "0.00".to_owned()),
        ("echm_af_ord_psbl_qty", "0".to_owned()),
        ("ord_psbl_qty", quantity.clone()),
        ("exrt", fixed(money.rate, 10)),
        ("frcr_ord_psbl_amt1", floored(power, 6)),
        ("ovrs_max_ord_psbl_qty", quantity),
    ]);
    Ok(Answer::query(call, false).object("output", output))
}
