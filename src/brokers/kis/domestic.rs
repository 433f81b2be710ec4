//! Korean stocks: orders and the account.

mod market;
mod rows;

use jiff::ToSpan;
use jiff::civil::Date;
use rust_decimal::Decimal;

use super::fold::{fold_krx_orders, fold_positions};
use super::parse::{Answer, date_text};
use super::rest::{OnlyWhile, Paging, Params, Rest};
use super::{bad_order, bad_price, offers, receipt, urls};
use crate::brokers::{BrokerError, BrokerOrder, BrokerPosition, BuyingPower, Cash, OrderAck, PowerBasis};
use crate::domain::clock::kst_date;
use crate::domain::money::Currency;
use crate::domain::order::{Amendment, BrokerHost, JournalledOrder, Order, OrderIntent, Side};

/// The Korean side of a client.
#[derive(Clone, Copy, Debug)]
pub(super) struct Domestic<'a>(pub &'a Rest);

impl Domestic<'_> {
    pub async fn send(&self, order: &JournalledOrder<'_>) -> Result<OrderAck, BrokerError> {
        let intent = order.intent();
        let mut params = self.0.account();
        params.extend(order_terms(self.0.host, intent)?);
        let order_date = self.today();
        receipt(
            &self.0.submit(urls::krx_order(intent.side), &params, Some(OnlyWhile { intent, deadline: order.deadline() })).await?,
            order_date,
        )
    }

    pub async fn amend(&self, order: &Order, original_no: &str, terms: &Amendment) -> Result<OrderAck, BrokerError> {
        let mut params = self.0.account();
        params.extend(amend_terms(self.0.host, order, original_no, terms)?);
        let order_date = self.today();
        receipt(
            &self.0.submit(urls::KRX_AMEND, &params, Some(OnlyWhile { intent: &order.intent, deadline: order.intent.expires_at })).await?,
            order_date,
        )
    }

    pub async fn cancel(&self, order: &Order, original_no: &str) -> Result<(), BrokerError> {
        let mut params = self.0.account();
        params.extend(cancel_terms(self.0.host, order, original_no)?);
        self.0.submit(urls::KRX_AMEND, &params, None).await.map(drop)
    }

    /// The broker keeps the orders of the last three months in one list and older ones in another.
    pub async fn orders(&self, from: Date, to: Date, symbol: Option<&str>) -> Result<Vec<BrokerOrder>, BrokerError> {
        let today = self.today();
        let recent = today.checked_sub(3.months()).unwrap_or(today);
        let mut found = Vec::new();
        if from < recent {
            let last = to.min(recent.yesterday().unwrap_or(recent));
            found.extend(self.order_rows(urls::KRX_OLD_ORDERS, from, last, symbol, "00").await?);
        }
        if to >= recent {
            found.extend(self.order_rows(urls::KRX_ORDERS, from.max(recent), to, symbol, "00").await?);
        }
        let mut orders = fold_krx_orders(found);
        orders.retain(|order| symbol.is_none_or(|wanted| order.symbol == wanted));
        Ok(orders)
    }

    async fn order_rows(
        &self,
        endpoint: urls::Endpoint,
        from: Date,
        to: Date,
        symbol: Option<&str>,
        state: &str,
    ) -> Result<Vec<super::fold::OrderRow>, BrokerError> {
        let venues = match self.0.host {
            BrokerHost::Live => "ALL",
            BrokerHost::Mock => "KRX",
        };
        let mut params = self.0.account();
        params.extend([
            ("INQR_STRT_DT", date_text(from)),
            ("INQR_END_DT", date_text(to)),
            ("SLL_BUY_DVSN_CD", "00".to_owned()),
            ("PDNO", symbol.unwrap_or_default().to_owned()),
            ("ORD_GNO_BRNO", String::new()),
            ("ODNO", String::new()),
            ("CCLD_DVSN", state.to_owned()),
            ("INQR_DVSN", "00".to_owned()),
            ("INQR_DVSN_1", String::new()),
            ("INQR_DVSN_3", "00".to_owned()),
            ("EXCG_ID_DVSN_CD", venues.to_owned()),
        ]);
        let pages = self.0.read_all(endpoint, Paging::Ctx100, params).await?;
        read_rows(&pages, "output1", rows::order_row)
    }

    pub async fn open_orders(&self) -> Result<Vec<BrokerOrder>, BrokerError> {
        let today = self.today();
        let found = match self.0.host {
            BrokerHost::Live => {
                let mut params = self.0.account();
                params.extend([("INQR_DVSN_1", "0".to_owned()), ("INQR_DVSN_2", "0".to_owned())]);
                let pages = self.0.read_all(urls::KRX_OPEN_ORDERS, Paging::Ctx100, params).await?;
                read_rows(&pages, "output", |row| rows::open_order_row(row, today))?
            }
            BrokerHost::Mock => self.order_rows(urls::KRX_ORDERS, today, today, None, "02").await?,
        };
        let mut orders = fold_krx_orders(found);
        orders.retain(|order| order.open_quantity > 0 && !order.rejected);
        Ok(orders)
    }

    pub async fn positions(&self) -> Result<Vec<BrokerPosition>, BrokerError> {
        let pages = self.balance().await?;
        fold_positions(read_rows(&pages, "output1", rows::position_row)?)
    }

    /// The deposit of the day after tomorrow's settlement (D+2): what is left once all trades so far
    /// have settled.
    pub async fn cash(&self) -> Result<Cash, BrokerError> {
        let pages = self.balance().await?;
        // Every page carries the totals; the first answer is as good as any.
        let totals = pages.first().map(|page| page.row("output2")).transpose()?.flatten();
        let Some(totals) = totals else { return Err(missing(pages.first(), "output2 of the balance is missing")) };
        Ok(Cash { currency: Currency::Krw, amount: totals.decimal("prvs_rcdl_excc_amt")? })
    }

    async fn balance(&self) -> Result<Vec<Answer>, BrokerError> {
        let mut params = self.0.account();
        params.extend([
            ("AFHR_FLPR_YN", "N".to_owned()),
            ("OFL_YN", String::new()),
            ("INQR_DVSN", "02".to_owned()),
            ("UNPR_DVSN", "01".to_owned()),
            ("FUND_STTL_ICLD_YN", "N".to_owned()),
            ("FNCG_AMT_AUTO_RDPT_YN", "N".to_owned()),
            ("PRCS_DVSN", "00".to_owned()),
        ]);
        self.0.read_all(urls::KRX_BALANCE, Paging::Ctx100, params).await
    }

    /// Realised profit as the holdings screen of the broker shows it, costs included.
    pub async fn realised_profit(&self) -> Result<Decimal, BrokerError> {
        let mut params = self.0.account();
        params.extend([
            ("AFHR_FLPR_YN", "N".to_owned()),
            ("OFL_YN", String::new()),
            ("INQR_DVSN", "00".to_owned()),
            ("UNPR_DVSN", "01".to_owned()),
            ("FUND_STTL_ICLD_YN", "N".to_owned()),
            ("FNCG_AMT_AUTO_RDPT_YN", "N".to_owned()),
            ("PRCS_DVSN", "00".to_owned()),
            ("COST_ICLD_YN", "Y".to_owned()),
        ]);
        let pages = self.0.read_all(urls::KRX_REALISED, Paging::Ctx100, params).await?;
        let totals = pages.first().map(|page| page.row("output2")).transpose()?.flatten();
        let Some(totals) = totals else { return Err(missing(pages.first(), "output2 of the realised profit is missing")) };
        totals.decimal("rlzt_pfls")
    }

    /// Always the amount without receivables (미수). It is asked as for a market order, the only way in
    /// which the broker applies the margin rate of the instrument.
    pub async fn buying_power(&self, symbol: &str) -> Result<BuyingPower, BrokerError> {
        let mut params = self.0.account();
        params.extend([
            ("PDNO", symbol.to_owned()),
            ("ORD_UNPR", "0".to_owned()),
            ("ORD_DVSN", "01".to_owned()),
            ("CMA_EVLU_AMT_ICLD_YN", "N".to_owned()),
            ("OVRS_ICLD_YN", "N".to_owned()),
        ]);
        let answer = self.0.read(urls::KRX_BUYING_POWER, &params).await?;
        let row = answer.row("output")?.ok_or_else(|| answer.fault("output of the buying power is missing"))?;
        Ok(BuyingPower { amount: row.decimal("nrcvb_buy_amt")?, basis: PowerBasis::CashOnly, other: None, usd_krw: None })
    }

    pub async fn sellable(&self, symbol: &str) -> Result<Decimal, BrokerError> {
        if self.0.host == BrokerHost::Mock {
            let positions = self.positions().await?;
            return Ok(positions.into_iter().find(|p| p.symbol == symbol).map_or(Decimal::ZERO, |p| p.sellable));
        }
        let mut params = self.0.account();
        params.push(("PDNO", symbol.to_owned()));
        let answer = self.0.read(urls::KRX_SELLABLE, &params).await?;
        for row in answer.rows("output")? {
            match row.subject("pdno", "ord_psbl_qty")? {
                Some(named) if named == symbol => return row.decimal("ord_psbl_qty"),
                Some(other) => return Err(row.fault(format!("pdno is '{other}' in an answer about {symbol}"))),
                None => {}
            }
        }
        Ok(Decimal::ZERO)
    }

    fn today(&self) -> Date {
        kst_date(self.0.clock.now())
    }
}

fn missing(page: Option<&Answer>, what: &str) -> BrokerError {
    page.map_or_else(|| super::parse::protocol(what.to_owned()), |page| page.fault(what))
}

fn read_rows<T>(
    pages: &[Answer],
    output: &str,
    read: impl Fn(super::parse::Fields<'_>) -> Result<Option<T>, BrokerError>,
) -> Result<Vec<T>, BrokerError> {
    let mut found = Vec::new();
    for page in pages {
        for row in page.rows(output)? {
            found.extend(read(row)?);
        }
    }
    Ok(found)
}

/// The body of an order, without the account.
pub(super) fn order_terms(host: BrokerHost, intent: &OrderIntent) -> Result<Params, BrokerError> {
    let kind = offers::kind_code(host, intent)?;
    let mut params = vec![
        ("PDNO", intent.symbol.clone()),
        ("ORD_DVSN", kind.to_owned()),
        ("ORD_QTY", intent.quantity.to_string()),
        ("ORD_UNPR", optional_price(intent.limit_price)?),
        ("CNDT_PRIC", intent.trigger_price.map(price_text).transpose()?.unwrap_or_default()),
        ("EXCG_ID_DVSN_CD", intent.venue.code().to_owned()),
    ];
    if intent.side == Side::Sell {
        params.push(("SLL_TYPE", "01".to_owned()));
    }
    Ok(params)
}

/// The body of an amendment, without the account: a new price for all that is left. Another quantity
/// would split the order at the exchange, the rest staying at the old price under the old number.
pub(super) fn amend_terms(host: BrokerHost, order: &Order, original_no: &str, terms: &Amendment) -> Result<Params, BrokerError> {
    if terms.quantity != order.intent.quantity {
        let message = format!(
            "a Korean order keeps its {} shares when it is amended, only the price can change: cancel it and order anew",
            order.intent.quantity
        );
        return Err(bad_order("amend_quantity", &message));
    }
    let amended = OrderIntent { limit_price: terms.limit_price, ..order.intent.clone() };
    let kind = offers::kind_code(host, &amended)?;
    let Some(price) = terms.limit_price else {
        let message = format!("an order of the kind {:?} has no price that could be amended", order.intent.kind);
        return Err(bad_order("kind_not_amendable", &message));
    };
    Ok(change_terms(&amended, kind, original_no, "01", price_text(price)?, amended.trigger_price.map(price_text).transpose()?))
}

/// The body of a cancellation of all that is left, without the account.
pub(super) fn cancel_terms(host: BrokerHost, order: &Order, original_no: &str) -> Result<Params, BrokerError> {
    let kind = offers::kind_code(host, &order.intent)?;
    Ok(change_terms(&order.intent, kind, original_no, "02", "0".to_owned(), None))
}

fn change_terms(intent: &OrderIntent, kind: &str, original_no: &str, change: &str, price: String, trigger: Option<String>) -> Params {
    vec![
        // The broker finds the order by its number; the branch may stay blank.
        ("KRX_FWDG_ORD_ORGNO", String::new()),
        ("ORGN_ODNO", original_no.to_owned()),
        ("ORD_DVSN", kind.to_owned()),
        ("RVSE_CNCL_DVSN_CD", change.to_owned()),
        // All that is left; a count of ours could be stale by a fill.
        ("ORD_QTY", "0".to_owned()),
        ("ORD_UNPR", price),
        ("QTY_ALL_ORD_YN", "Y".to_owned()),
        ("CNDT_PRIC", trigger.unwrap_or_default()),
        ("EXCG_ID_DVSN_CD", intent.venue.code().to_owned()),
    ]
}

fn optional_price(price: Option<Decimal>) -> Result<String, BrokerError> {
    Ok(price.map(price_text).transpose()?.unwrap_or_else(|| "0".to_owned()))
}

/// Whole won. The tick of the exchange is the order gate's to check.
fn price_text(price: Decimal) -> Result<String, BrokerError> {
    if price <= Decimal::ZERO || !price.fract().is_zero() {
        return Err(bad_price(&format!("the price {price} must be positive and in whole won")));
    }
    Ok(price.trunc().normalize().to_string())
}
