//! Korean wording.

use super::super::notice_text::krw;
use super::{day, lines, list, percent, plain, rate, share, turns, usd};
use crate::domain::bot::TradeKind;
use crate::quant::egg::event::{Condition, EggEvent, TrailingEnd, Transfer};

fn kind_name(kind: TradeKind) -> &'static str {
    match kind {
        TradeKind::Sell => "전량 매도",
        TradeKind::SellQuarter => "1/4 매도",
        TradeKind::SellThreeQuarters => "3/4 매도",
        TradeKind::SellPart => "일부 매도",
        TradeKind::Buy => "매수",
        TradeKind::BuyForce => "강제 매수",
        TradeKind::Hold => "보유",
    }
}

fn hit(reached: bool) -> &'static str {
    if reached { "도달" } else { "미도달" }
}

fn condition(name: &str, condition: Condition) -> String {
    let state = match (condition.enabled, condition.hit) {
        (false, _) => "사용 안 함",
        (true, true) => "충족",
        (true, false) => "미충족",
    };
    format!("{name} {} 아래: {state}", usd(condition.below))
}

fn transfer(t: &Transfer) -> String {
    format!("{} {}주 @ {} ({} → {})", t.symbol, t.quantity, usd(t.price), t.seller, t.buyer)
}

pub(super) fn render(event: &EggEvent) -> String {
    use EggEvent as E;
    match event {
        E::OldOrdersFound { names } => {
            format!("🧹 지난 세션의 분할 주문 {}건을 정리했습니다: {}", names.len(), list(names, String::clone))
        }

        E::SellCheckOrder {
            bot,
            symbol,
            price,
            average,
            profit_percent,
            take_profit_price,
            take_profit_hit,
            point_price,
            point_rate,
            point_hit,
            kind,
            quantity,
        } => format!(
            "📤 [{bot}] {symbol} 매도 판단: {} {quantity}주\n현재가 {} · 평단 {} ({})\n익절가 {} {} · 별지점 {} ({}) {}",
            kind_name(*kind),
            usd(*price),
            usd(*average),
            percent(*profit_percent),
            usd(*take_profit_price),
            hit(*take_profit_hit),
            usd(*point_price),
            rate(*point_rate),
            hit(*point_hit)
        ),
        E::SellCheckNone { bot, symbol, price, average, profit_percent, take_profit_price, point_price, point_rate } => format!(
            "[{bot}] {symbol} 오늘은 팔지 않습니다\n현재가 {} · 평단 {} ({})\n익절가 {} · 별지점 {} ({})",
            usd(*price),
            usd(*average),
            percent(*profit_percent),
            usd(*take_profit_price),
            usd(*point_price),
            rate(*point_rate)
        ),
        E::SellNoPrice { bot, symbol } => format!("⚠️ [{bot}] {symbol} 현재가를 받지 못해 매도 판단을 건너뛰었습니다"),

        E::TrailingNoPrice { bot, symbol } => format!("⚠️ [{bot}] {symbol} 현재가를 받지 못해 트레일링 스톱을 확인하지 못했습니다"),
        E::TrailingEntryNoPrice { bot, symbol } => {
            format!("⚠️ [{bot}] {symbol} 현재가를 받지 못해 트레일링 시작 여부를 확인하지 못했습니다")
        }
        E::TrailingEntered { bot, symbol, price, t, threshold_t, threshold_rate, stop } => format!(
            "🎯 [{bot}] {symbol} 트레일링 스톱을 시작합니다\n현재가 {} · T {} (기준 {}, 최대 티어의 {})\n스톱 {}",
            usd(*price),
            turns(*t),
            turns(*threshold_t),
            share(*threshold_rate),
            usd(*stop)
        ),
        E::TrailingStopUpdated { bot, symbol, high_profit_percent, stop_profit_percent, distance_rate, candidate, floor, stop } => {
            format!(
                "[{bot}] {symbol} 트레일링 스톱을 다시 계산했습니다\n최고 수익률 {} · 스톱 수익률 {} (간격 {})\n후보 {} · 하한 {} → 스톱 {}",
                percent(*high_profit_percent),
                percent(*stop_profit_percent),
                share(*distance_rate),
                usd(*candidate),
                usd(*floor),
                usd(*stop)
            )
        }
        E::TrailingStatus { bot, symbol, price, profit_percent, stop, watermark } => format!(
            "[{bot}] {symbol} 트레일링 중: 현재가 {} ({}) · 스톱 {} · 고점 {}",
            usd(*price),
            percent(*profit_percent),
            usd(*stop),
            usd(*watermark)
        ),
        E::TrailingStopHit { bot, symbol, price, stop, quantity } => format!(
            "🔔 [{bot}] {symbol} 트레일링 스톱에 닿았습니다: 현재가 {}가 스톱 {} 아래라 {quantity}주를 모두 팝니다",
            usd(*price),
            usd(*stop)
        ),
        E::TrailingSeedFullSell { bot, symbol, t, limit_t, quantity } => {
            format!("[{bot}] {symbol} 트레일링 중 시드를 다 썼습니다 (T {} > {}): 1/4인 {quantity}주를 팝니다", turns(*t), turns(*limit_t))
        }
        E::TrailingBuy { bot, symbol, amount } => format!("[{bot}] {symbol} 트레일링 중에도 {}어치를 삽니다", usd(*amount)),
        E::TrailingEnded { bot, symbol, reason, watermark, stop } => {
            let why = match reason {
                TrailingEnd::Disabled => "설정에서 꺼져서",
                TrailingEnd::PositionClosed => "보유 수량이 없어져서",
            };
            format!("[{bot}] {symbol} {why} 트레일링을 끝냅니다 (고점 {} · 스톱 {})", usd(*watermark), usd(*stop))
        }

        E::Cooldown { bot, symbol, after_loss, days, elapsed_days, resumes_at } => format!(
            "⏸ [{bot}] {symbol} {} 매도 뒤 쉬는 중입니다: {days}일 가운데 {elapsed_days}일 지남, {}부터 다시 매매",
            if *after_loss { "손실" } else { "이익" },
            day(*resumes_at)
        ),
        E::MaxBalanceExceeded { bot, symbol, invested, limit } => {
            format!("⚠️ [{bot}] {symbol} 투자금이 한도를 넘었습니다: {} / 한도 {}", usd(*invested), usd(*limit))
        }
        E::MaxBalanceBlocked { bot, symbol, invested, limit } => {
            format!("⛔ [{bot}] {symbol} 한도 초과로 오늘은 사지 않습니다 ({} / {})", usd(*invested), usd(*limit))
        }
        E::BuyNoPrice { bot, symbol } => format!("⚠️ [{bot}] {symbol} 현재가를 받지 못해 매수 판단을 건너뛰었습니다"),
        E::BuyFullSeed { bot, symbol, seed } => format!("📥 [{bot}] {symbol} 조건 없이 한 회분 {}을 모두 삽니다", usd(*seed)),
        E::BuyNoCondition { bot, symbol, price, average, point } => format!(
            "[{bot}] {symbol} 매수 조건에 맞지 않아 사지 않습니다 (현재가 {})\n{}\n{}",
            usd(*price),
            condition("평단", *average),
            condition("별지점", *point)
        ),
        E::BuyCheck {
            bot,
            symbol,
            price,
            average_price,
            profit_percent,
            conditions,
            average,
            point,
            seed_percent,
            seed,
            added_seed,
            amount,
        } => format!(
            "📥 [{bot}] {symbol} 매수 판단: {}\n현재가 {} · 평단 {} ({})\n{}\n{}\n켜진 조건 {conditions}개 · (시드 {} + 추가 시드 {}) × {}%",
            usd(*amount),
            usd(*price),
            usd(*average_price),
            percent(*profit_percent),
            condition("평단", *average),
            condition("별지점", *point),
            usd(*seed),
            usd(*added_seed),
            plain(*seed_percent)
        ),

        E::OrderCreatedBuy { bot, symbol, kind, slices, amount } => {
            format!("📝 [{bot}] {symbol} {} 분할 주문을 만들었습니다: {} · {slices}회", kind_name(*kind), usd(*amount))
        }
        E::OrderCreatedSell { bot, symbol, kind, slices, quantity } => {
            format!("📝 [{bot}] {symbol} {} 분할 주문을 만들었습니다: {}주 · {slices}회", kind_name(*kind), plain(*quantity))
        }
        E::OrderCreateFailedBuy { bot, symbol, wanted, added_seed } => {
            format!("⚠️ [{bot}] {symbol} 매수 금액이 {}로 계산되어 사지 않습니다 (추가 시드 {})", usd(*wanted), usd(*added_seed))
        }
        E::OrderCreateFailedSell { bot, symbol, wanted } => {
            format!("⚠️ [{bot}] {symbol} 매도 수량이 {}주로 계산되어 팔지 않습니다", plain(*wanted))
        }
        E::OrderNotToday { bot, symbol, session, today } => {
            format!("[{bot}] {symbol} {session} 세션의 분할 주문이라 오늘({today}) 실행하지 않습니다")
        }
        E::OrderResultsComplete { bot, symbol, results, slices } => {
            format!("[{bot}] {symbol} 분할 주문이 이미 모두 실행되었습니다 ({results}/{slices}회)")
        }
        E::OrderNoCount { bot, symbol, results, slices } => {
            format!("[{bot}] {symbol} 남은 분할 횟수가 없습니다 (결과 {results}개 / 계획 {slices}회)")
        }

        E::NettingSearch { sheets } => format!("🔁 분할 주문 {sheets}건 가운데 서로 상계할 매수·매도를 찾습니다"),
        E::NettingNone {} => "🔁 상계할 매수·매도가 없습니다".to_owned(),
        E::NettingNoPrice { symbol } => format!("⚠️ {symbol} 현재가를 받지 못해 이 종목은 상계하지 않습니다"),
        E::NettingFound { transfers } => format!("🔁 상계 {}건을 찾았습니다{}", transfers.len(), lines(transfers, transfer)),
        E::NettingPairStart { transfer: t, value } => format!("🔁 상계 시작: {} = {}", transfer(t), usd(*value)),
        E::NettingPairDone { transfer: t, value } => format!("✅ 상계 기록 완료: {} = {}", transfer(t), usd(*value)),
        E::NettingBuyOrderUpdated { bot, symbol, remaining } => {
            format!("[{bot}] {symbol} 상계 뒤 남은 매수 금액 {}", usd(*remaining))
        }
        E::NettingSellOrderUpdated { bot, symbol, remaining } => {
            format!("[{bot}] {symbol} 상계 뒤 남은 매도 수량 {}주", plain(*remaining))
        }
        E::NettingOrderDeleted { bot, symbol, kind } => {
            format!("[{bot}] {symbol} {} 주문은 모두 상계되어 시장에 내지 않습니다", kind_name(*kind))
        }
        E::NettingBotMissing { transfer: t, missing } => {
            format!("⚠️ 봇을 찾을 수 없어 상계하지 못했습니다 ({}): {}", list(missing, String::clone), transfer(t))
        }
        E::NettingPairFailed { transfer: t, reason } => {
            format!("⚠️ 상계하지 못해 두 주문을 그대로 둡니다: {} — {reason}", transfer(t))
        }
        E::NettingFinished { booked } => format!("🔁 상계를 마쳤습니다: {booked}건 기록"),

        E::TwapNoPrice { bot, symbol, slice, slices } => {
            format!("⚠️ [{bot}] {symbol} 분할 {slice}/{slices}: 현재가를 받지 못해 이번 회차는 체결 없이 지나갑니다")
        }
        E::TwapSliceError { bot, symbol, slice, slices, reason } => {
            format!("❌ [{bot}] {symbol} 분할 {slice}/{slices} 실행 중 오류: {reason}")
        }
        E::TwapLastTimePassed { bot, symbol, slices_left } => {
            format!("⏱ [{bot}] {symbol} 마지막 분할 시각이 지나 남은 {slices_left}회 없이 마감합니다")
        }
        E::TwapPartialFill { bot, symbol, wanted, filled, missing } => format!(
            "⚠️ [{bot}] {symbol} 계획한 {}주 가운데 {}주만 체결되었습니다 (미체결 {}주)",
            plain(*wanted),
            plain(*filled),
            plain(*missing)
        ),
        E::TwapMerged { bot, symbol, kind, quantity, unit_price, total, valid_slices } => format!(
            "✅ [{bot}] {symbol} {} 체결: {}주 @ {} = {} (체결된 회차 {valid_slices}회)",
            kind_name(*kind),
            plain(*quantity),
            usd(*unit_price),
            usd(*total)
        ),
        E::TwapNoValidResult { bot, symbol, kind, slices } => {
            format!("[{bot}] {symbol} {} 분할 {slices}회 모두 체결이 없었습니다", kind_name(*kind))
        }
        E::CompleteBotMissing { bot, symbol } => {
            format!("⚠️ [{bot}] {symbol} 봇을 찾을 수 없어 분할 주문을 마감하지 못했습니다. 주문은 그대로 남아 있습니다.")
        }

        E::SellRecorded { bot, symbol, kind, quantity, unit_price, total } => {
            format!("📤 [{bot}] {symbol} {} 기록: {}주 @ {} = {}", kind_name(*kind), plain(*quantity), usd(*unit_price), usd(*total))
        }
        E::SellProfit { bot, symbol, profit, profit_rate } => {
            format!("💰 [{bot}] {symbol} 실현손익 {} ({}, 수수료·세금 전)", usd(*profit), rate(*profit_rate))
        }
        E::CycleFinished { bot, symbol, started, profit, sells, trailing_ended } => format!(
            "🎉 [{bot}] {symbol} 사이클을 마쳤습니다: {} 시작, 누적 손익 {}{}{}",
            day(*started),
            usd(*profit),
            if *trailing_ended { " · 트레일링 종료" } else { "" },
            lines(sells, |sell| format!("{} {} {}", day(sell.at), kind_name(sell.kind), usd(sell.profit)))
        ),
        E::SellExceedsHolding { bot, symbol, sold, held, total } => format!(
            "🛑 [{bot}] {symbol} 보유 {}주보다 많은 {}주({})가 팔렸습니다. 장부에는 보유분까지만 반영했으니 증권사 잔고를 확인해 주세요.",
            plain(*held),
            plain(*sold),
            usd(*total)
        ),

        E::ClosingSkipTrailing { bot, symbol } => format!("[{bot}] {symbol} 트레일링 중이라 종가 급락 매수를 쉽니다"),
        E::ClosingSkipMaxT { bot, symbol, t, limit_t } => {
            format!("[{bot}] {symbol} T {}가 한도 {}를 넘어 종가 급락 매수를 쉽니다", turns(*t), turns(*limit_t))
        }
        E::ClosingNoPrevPrice { bot, symbol } => format!("⚠️ [{bot}] {symbol} 전일 종가를 받지 못해 종가 급락 매수를 건너뛰었습니다"),
        E::ClosingNoPrice { bot, symbol } => format!("⚠️ [{bot}] {symbol} 현재가를 받지 못해 종가 급락 매수를 건너뛰었습니다"),
        E::ClosingTriggered { bot, symbol, previous_close, price, drop_rate, rule_drop_rate, rule_seed_rate, amount } => format!(
            "📉 [{bot}] {symbol} 급락 조건 충족: 전일 {} → {} ({})\n{} 하락 규칙으로 시드의 {}인 {}를 삽니다",
            usd(*previous_close),
            usd(*price),
            rate(-*drop_rate),
            share(*rule_drop_rate),
            share(*rule_seed_rate),
            usd(*amount)
        ),
        E::ClosingNotTriggered { bot, symbol, previous_close, price, drop_rate, limits } => format!(
            "[{bot}] {symbol} 급락 조건에 못 미칩니다: 전일 {} → {} ({}) · 기준 {}",
            usd(*previous_close),
            usd(*price),
            rate(-*drop_rate),
            list(limits, |limit| share(*limit))
        ),
        E::ClosingBuyNoPrice { bot, symbol } => format!("⚠️ [{bot}] {symbol} 주문 가격을 정하지 못해 종가 급락 매수를 내지 못했습니다"),
        E::ClosingBuyZeroQty { bot, symbol, amount, limit } => {
            format!("[{bot}] {symbol} {}로는 주문가 {}에 한 주도 살 수 없습니다", usd(*amount), usd(*limit))
        }
        E::ClosingBuyFailed { bot, symbol, quantity, limit } => {
            format!("⚠️ [{bot}] {symbol} 종가 급락 매수 {quantity}주 @ {} 체결되지 않았습니다", usd(*limit))
        }
        E::ClosingBuyDone { bot, symbol, quantity, unit_price, total } => {
            format!("✅ [{bot}] {symbol} 종가 급락 매수 체결: {}주 @ {} = {}", plain(*quantity), usd(*unit_price), usd(*total))
        }
        E::ClosingBuyError { bot, symbol, reason } => format!("❌ [{bot}] {symbol} 종가 급락 매수 중 오류: {reason}"),

        E::ForceSellNothing { bot, symbol, held, ratio_percent } => {
            format!("[{bot}] {symbol} 보유 {}주의 {}%는 한 주가 되지 않아 팔지 않습니다", plain(*held), plain(*ratio_percent))
        }
        E::ForceSellStart { bot, symbol, quantity, ratio_percent } => {
            format!("📤 [{bot}] {symbol} 수동 매도를 시작합니다: {quantity}주 ({}%)", plain(*ratio_percent))
        }
        E::ForceSellNoPrice { bot, symbol } => format!("⚠️ [{bot}] {symbol} 현재가를 받지 못해 수동 매도를 내지 못했습니다"),
        E::ForceSellFilled { bot, symbol, wanted, quantity, unit_price, total } => {
            format!("✅ [{bot}] {symbol} 수동 매도 체결: {wanted}주 가운데 {}주 @ {} = {}", plain(*quantity), usd(*unit_price), usd(*total))
        }
        E::ForceSellFailed { bot, symbol, quantity, limit, reason } => format!(
            "⚠️ [{bot}] {symbol} 수동 매도 {quantity}주 @ {} 체결되지 않았습니다{}",
            usd(*limit),
            reason.as_ref().map(|r| format!(": {r}")).unwrap_or_default()
        ),

        E::WashNoTrade { bot } => format!("[{bot}] 보유 종목이 없어 양도세 절세 매매를 하지 않습니다"),
        E::WashZeroQty { bot, symbol, held } => {
            format!("[{bot}] {symbol} 보유 {}주로는 절세 매매를 할 수 없습니다", plain(*held))
        }
        E::WashStart { bot, symbol, quantity, batches } => format!(
            "🧾 [{bot}] {symbol} 절세 매매를 시작합니다: {quantity}주를 {}번에 나눠 팔고 되삽니다 ({})",
            batches.len(),
            list(batches, i64::to_string)
        ),
        E::WashSellNoPrice { bot, symbol, batch, quantity } => {
            format!("⚠️ [{bot}] {symbol} 절세 {batch}번째 매도 {quantity}주: 현재가를 받지 못해 건너뜁니다")
        }
        E::WashSellDone { bot, symbol, batch, quantity, unit_price, total } => {
            format!("[{bot}] {symbol} 절세 {batch}번째 매도 체결: {}주 @ {} = {}", plain(*quantity), usd(*unit_price), usd(*total))
        }
        E::WashSellFailed { bot, symbol, batch, quantity } => {
            format!("⚠️ [{bot}] {symbol} 절세 {batch}번째 매도 {quantity}주가 체결되지 않았습니다")
        }
        E::WashBuyNoPrice { bot, symbol, batch, quantity } => {
            format!("⚠️ [{bot}] {symbol} 절세 {batch}번째 재매수 {quantity}주: 현재가를 받지 못해 건너뜁니다")
        }
        E::WashBuyDone { bot, symbol, batch, quantity, unit_price, total } => {
            format!("[{bot}] {symbol} 절세 {batch}번째 재매수 체결: {}주 @ {} = {}", plain(*quantity), usd(*unit_price), usd(*total))
        }
        E::WashBuyFailed { bot, symbol, batch, quantity } => {
            format!("⚠️ [{bot}] {symbol} 절세 {batch}번째 재매수 {quantity}주가 체결되지 않았습니다")
        }
        E::WashFinished { bot, symbol, sold, bought, sold_value, bought_value, spread, fee, cost, usd_krw, cost_krw } => format!(
            "🧾 [{bot}] {symbol} 절세 매매를 마쳤습니다\n매도 {}주 {} · 재매수 {}주 {}\n가격 차이 {} + 수수료 {} = 비용 {} ({}, 환율 {:.2})",
            plain(*sold),
            usd(*sold_value),
            plain(*bought),
            usd(*bought_value),
            usd(*spread),
            usd(*fee),
            usd(*cost),
            krw(*cost_krw),
            usd_krw
        ),

        E::SyncAvrOn { bot, symbol, t, limit_t } => {
            format!("🔧 [{bot}] {symbol} T {}가 {} 이상이라 평단 매수 조건을 켰습니다", turns(*t), turns(*limit_t))
        }
        E::SyncAvrOff { bot, symbol, t, limit_t } => {
            format!("🔧 [{bot}] {symbol} T {}가 {} 미만이라 평단 매수 조건을 껐습니다", turns(*t), turns(*limit_t))
        }
        E::AutoStarted { symbol, bot, seed, max_tier, watched_bot, t, limit_t } => format!(
            "🚀 {symbol} 다음 봇 {bot}을(를) 시작했습니다: 한 회 {} · 최대 {max_tier}티어\n{watched_bot}의 T {}가 기준 {}를 넘었습니다",
            usd(*seed),
            turns(*t),
            turns(*limit_t)
        ),
    }
}
