//! US stocks: orders and the account.

mod market;
mod rows;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::{Offset, TimeZone};
use rust_decimal::Decimal;

use super::fold::{fold_positions, fold_us_orders};
use super::parse::{Answer, date_text, protocol};
use super::rest::{OnlyWhile, Paging, Params, Rest};
use super::{bad_order, bad_price, offers, receipt, urls};
use crate::brokers::{BrokerError, BrokerOrder, BrokerPosition, BuyingPower, Cash, OrderAck, PresentBalance};
use crate::domain::instrument::Exchange;
use crate::domain::money::Currency;
use crate::domain::order::OrderKind::{Twap, Vwap};
use crate::domain::order::{Amendment, BrokerHost, JournalledOrder, Order, OrderIntent, Side};

/// The US side of a client.
#[derive(Clone, Copy, Debug)]
pub(super) struct Overseas<'a>(pub &'a Rest);

impl Overseas<'_> {
    pub async fn send(&self, order: &JournalledOrder<'_>, exchange: Exchange) -> Result<OrderAck, BrokerError> {
        let intent = order.intent();
        let mut params = self.0.account();
        params.extend(order_terms(self.0.host, intent, exchange)?);
        // The broker lists the order under the day on which it took it, New York time.
        let order_date = us_date(self.0.clock.now());
        receipt(
            &self.0.submit(urls::order(intent.side), &params, Some(OnlyWhile { intent, deadline: order.deadline() })).await?,
            order_date,
        )
    }

    pub async fn amend(&self, order: &Order, original_no: &str, terms: &Amendment, exchange: Exchange) -> Result<OrderAck, BrokerError> {
        let mut params = self.0.account();
        params.extend(amend_terms(self.0.host, order, original_no, terms, exchange)?);
        let order_date = us_date(self.0.clock.now());
        receipt(
            &self.0.submit(urls::AMEND, &params, Some(OnlyWhile { intent: &order.intent, deadline: order.intent.expires_at })).await?,
            order_date,
        )
    }

    pub async fn cancel(&self, order: &Order, original_no: &str, exchange: Exchange) -> Result<(), BrokerError> {
        let mut params = self.0.account();
        // Zero cancels all that is left; a count of ours could be stale by a fill.
        params.extend(change_terms(order, original_no, exchange, "02", "0".to_owned(), "0".to_owned())?);
        self.0.submit(urls::AMEND, &params, None).await.map(drop)
    }

    pub async fn orders(&self, from: Date, to: Date, symbol: Option<&str>) -> Result<Vec<BrokerOrder>, BrokerError> {
        // Paper accounts answer only the unfiltered question.
        let (product, exchange) = match self.0.host {
            BrokerHost::Live => (symbol.unwrap_or("%"), "NASD"),
            BrokerHost::Mock => ("", ""),
        };
        let mut params = self.0.account();
        params.extend([
            ("PDNO", product.to_owned()),
            ("ORD_STRT_DT", date_text(from)),
            ("ORD_END_DT", date_text(to)),
            ("SLL_BUY_DVSN", "00".to_owned()),
            ("CCLD_NCCS_DVSN", "00".to_owned()),
            ("OVRS_EXCG_CD", exchange.to_owned()),
            ("SORT_SQN", "DS".to_owned()),
            ("ORD_DT", String::new()),
            ("ORD_GNO_BRNO", String::new()),
            ("ODNO", String::new()),
        ]);
        let pages = self.0.read_all(urls::EXECUTIONS, Paging::Ctx200, params).await?;
        let mut orders = read_orders(&pages)?;
        orders.retain(|order| symbol.is_none_or(|wanted| order.symbol == wanted));
        Ok(orders)
    }

    pub async fn open_orders(&self) -> Result<Vec<BrokerOrder>, BrokerError> {
        let mut orders = match self.0.host {
            BrokerHost::Live => {
                let mut params = self.0.account();
                // NASD asks for all US exchanges.
                params.extend([("OVRS_EXCG_CD", "NASD".to_owned()), ("SORT_SQN", "DS".to_owned())]);
                read_orders(&self.0.read_all(urls::OPEN_ORDERS, Paging::Ctx200, params).await?)?
            }
            BrokerHost::Mock => {
                let today = us_date(self.0.clock.now());
                self.orders(today.yesterday().unwrap_or(today), today, None).await?
            }
        };
        orders.retain(|order| order.open_quantity > 0 && !order.rejected);
        Ok(orders)
    }

    pub async fn positions(&self) -> Result<Vec<BrokerPosition>, BrokerError> {
        // On a live account NASD stands for all US exchanges, on a paper account for itself only.
        let exchanges: &[&str] = match self.0.host {
            BrokerHost::Live => &["NASD"],
            BrokerHost::Mock => &["NASD", "NYSE", "AMEX"],
        };
        let mut found = Vec::new();
        for exchange in exchanges {
            let mut params = self.0.account();
            params.extend([("OVRS_EXCG_CD", (*exchange).to_owned()), ("TR_CRCY_CD", "USD".to_owned())]);
            for page in self.0.read_all(urls::BALANCE, Paging::Ctx200, params).await? {
                for row in page.rows("output1")? {
                    found.extend(rows::position_row(row)?);
                }
            }
        }
        fold_positions(found)
    }

    pub async fn cash(&self) -> Result<Cash, BrokerError> {
        let balance = self.present_balance().await?;
        let amount = balance.usd_cash.ok_or_else(|| protocol("the present balance shows no dollars".to_owned()))?;
        Ok(Cash { currency: Currency::Usd, amount })
    }

    pub async fn buying_power(&self, exchange: Exchange, symbol: &str, price: Option<Decimal>) -> Result<BuyingPower, BrokerError> {
        let mut params = self.0.account();
        params.extend([
            ("OVRS_EXCG_CD", urls::order_code(exchange)?.to_owned()),
            ("OVRS_ORD_UNPR", price.map(price_text).transpose()?.unwrap_or_else(|| "0".to_owned())),
            ("ITEM_CD", symbol.to_owned()),
        ]);
        let answer = self.0.read(urls::BUYING_POWER, &params).await?;
        let row = answer.row("output")?.ok_or_else(|| answer.fault("output of the buying power is missing"))?;
        rows::buying_power(row)
    }

    pub async fn sellable(&self, symbol: &str) -> Result<Decimal, BrokerError> {
        let positions = self.positions().await?;
        Ok(positions.into_iter().find(|p| p.symbol == symbol).map_or(Decimal::ZERO, |p| p.sellable))
    }

    pub async fn present_balance(&self) -> Result<PresentBalance, BrokerError> {
        let mut params = self.0.account();
        params.extend([
            ("WCRC_FRCR_DVSN_CD", "02".to_owned()),
            ("NATN_CD", "840".to_owned()),
            ("TR_MKET_CD", "00".to_owned()),
            ("INQR_DVSN_CD", "00".to_owned()),
        ]);
        let answer = self.0.read(urls::PRESENT_BALANCE, &params).await?;
        rows::present_balance(&answer.rows("output2")?, answer.row("output3")?)
    }
}

/// The body of an order, without the account.
pub(super) fn order_terms(host: BrokerHost, intent: &OrderIntent, exchange: Exchange) -> Result<Params, BrokerError> {
    let kind = offers::kind_code(host, intent)?;
    let mut params = vec![
        ("OVRS_EXCG_CD", urls::order_code(exchange)?.to_owned()),
        ("PDNO", intent.symbol.clone()),
        ("ORD_QTY", intent.quantity.to_string()),
        ("OVRS_ORD_UNPR", intent.limit_price.map(price_text).transpose()?.unwrap_or_else(|| "0".to_owned())),
        ("CTAC_TLNO", String::new()),
        ("MGCO_APTM_ODNO", String::new()),
        ("ORD_SVR_DVSN_CD", "0".to_owned()),
        ("ORD_DVSN", kind.to_owned()),
    ];
    if intent.side == Side::Sell {
        params.push(("SLL_TYPE", "00".to_owned()));
    }
    if matches!(intent.kind, Twap | Vwap) {
        // Until the regular close. The form of explicit times is not documented reliably.
        params.push(("ALGO_ORD_TMD_DVSN_CD", "02".to_owned()));
    }
    Ok(params)
}

/// The body of an amendment, without the account. It asks for what is left of the order as we know
/// it; after a fill that we have not seen the broker refuses the larger number.
pub(super) fn amend_terms(
    host: BrokerHost,
    order: &Order,
    original_no: &str,
    terms: &Amendment,
    exchange: Exchange,
) -> Result<Params, BrokerError> {
    let amended = OrderIntent { limit_price: terms.limit_price, ..order.intent.clone() };
    offers::kind_code(host, &amended)?;
    let price = match terms.limit_price {
        Some(price) if !matches!(order.intent.kind, Twap | Vwap) => price_text(price)?,
        _ => {
            let message = format!("the broker does not amend orders of the kind {:?}: cancel it and order anew", order.intent.kind);
            return Err(bad_order("kind_not_amendable", &message));
        }
    };
    let Some(rest) = terms.quantity.checked_sub(order.filled_quantity).filter(|rest| *rest > 0) else {
        let message = format!("the new quantity must exceed the {} shares that are filled already", order.filled_quantity);
        return Err(bad_order("bad_quantity", &message));
    };
    change_terms(order, original_no, exchange, "01", rest.to_string(), price)
}

fn change_terms(
    order: &Order,
    original_no: &str,
    exchange: Exchange,
    change: &str,
    quantity: String,
    price: String,
) -> Result<Params, BrokerError> {
    Ok(vec![
        ("OVRS_EXCG_CD", urls::order_code(exchange)?.to_owned()),
        ("PDNO", order.intent.symbol.clone()),
        ("ORGN_ODNO", original_no.to_owned()),
        ("RVSE_CNCL_DVSN_CD", change.to_owned()),
        ("ORD_QTY", quantity),
        ("OVRS_ORD_UNPR", price),
        ("MGCO_APTM_ODNO", String::new()),
        ("ORD_SVR_DVSN_CD", "0".to_owned()),
    ])
}

fn read_orders(pages: &[Answer]) -> Result<Vec<BrokerOrder>, BrokerError> {
    let mut found = Vec::new();
    for page in pages {
        for row in page.rows("output")? {
            found.extend(rows::order_row(row)?);
        }
    }
    Ok(fold_us_orders(found))
}

/// The broker takes two decimals from one dollar upwards and four below.
fn price_text(price: Decimal) -> Result<String, BrokerError> {
    let decimals = if price >= Decimal::ONE { 2 } else { 4 };
    if price <= Decimal::ZERO || price.round_dp(decimals) != price {
        let message = format!("the price {price} must be positive, with two decimals from 1 USD upwards and four below");
        return Err(bad_price(&message));
    }
    Ok(format!("{:.*}", usize::try_from(decimals).unwrap_or(2), price))
}

/// The calendar day in New York.
fn us_date(at: Timestamp) -> Date {
    let zone = TimeZone::get("America/New_York").unwrap_or_else(|_| TimeZone::fixed(Offset::constant(-5)));
    at.to_zoned(zone).date()
}
