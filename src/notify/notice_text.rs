//! Wording of notices in Korean and English.

use jiff::Timestamp;

use super::watch_text;
use crate::domain::clock::kst_datetime;
use crate::domain::message::{EffectiveTimes, MissedSession, Notice, ReadinessCheck, ReportLine};
use crate::domain::night::{NightLine, Verdict};
use crate::domain::user::Language;

/// Dollars with thousands separators: `$1,234.56`, `-$3.00`.
pub fn usd(value: f64) -> String {
    let text = format!("{:.2}", value.abs());
    let (whole, cents) = text.split_once('.').unwrap_or((&text, "00"));
    let sign = if value < 0.0 && text != "0.00" { "-" } else { "" };
    format!("{sign}${}.{cents}", grouped(whole))
}

/// Won without decimals: `₩1,234`.
pub fn krw(value: f64) -> String {
    let text = format!("{:.0}", value.abs());
    let sign = if value < 0.0 && text != "0" { "-" } else { "" };
    format!("{sign}₩{}", grouped(&text))
}

fn grouped(digits: &str) -> String {
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// A signed percentage: `+1.25%`.
fn percent(value: f64) -> String {
    format!("{value:+.2}%")
}

pub(super) fn kst(at: Timestamp) -> String {
    kst_datetime(at).strftime("%m-%d %H:%M").to_string()
}

/// A job's name in words.
pub(super) fn job(name: &str, language: Language) -> &str {
    match (name, language) {
        ("readiness", Language::Ko) => "준비 점검",
        ("decision", Language::Ko) => "매매 판단",
        ("slice", Language::Ko) => "분할 주문",
        ("closing_buy", Language::Ko) => "종가 급락 매수",
        ("message", Language::Ko) => "일일 알림",
        ("report", Language::Ko) => "결과 보고",
        ("readiness", Language::En) => "readiness check",
        ("decision", Language::En) => "decision",
        ("slice", Language::En) => "slice",
        ("closing_buy", Language::En) => "closing buy",
        ("message", Language::En) => "daily messages",
        ("report", Language::En) => "session report",
        (other, _) => other,
    }
}

/// What went wrong with a backup, in Korean, as a phrase in the middle of a sentence.
fn backup_problem(code: &str) -> &'static str {
    match code {
        "backup_no_space" | "disk_full" => "저장 공간이 부족합니다",
        "backup_folder_missing" => "백업 폴더가 없습니다(공유 폴더가 마운트되고 잠금 해제되었는지 확인해 주세요)",
        "backup_folder_read_only" => "백업 폴더에 쓸 수 없습니다",
        "backup_folder_foreign" => "백업 폴더가 다른 설치의 것입니다",
        "backup_superseded" => "이 데이터가 다른 곳에서 복원되었습니다",
        "backup_damaged" | "backup_truncated" | "backup_differs" => "백업 파일이 손상되었습니다",
        "backup_keys" => "키를 읽을 수 없습니다",
        "backup_none" => "백업이 없습니다",
        _ => "파일을 읽거나 쓸 수 없습니다",
    }
}

/// Puts a notice into words.
pub fn render(notice: &Notice, language: Language) -> String {
    match language {
        Language::Ko => korean(notice),
        Language::En => english(notice),
    }
}

fn korean(notice: &Notice) -> String {
    const KO: Language = Language::Ko;
    match notice {
        Notice::Readiness { ready, session, checks, largest_spending_usd, times } => {
            let head = if *ready { "🟢 오늘 밤 준비 완료" } else { "🔴 오늘 밤 확인이 필요합니다" };
            let failed: Vec<String> = checks.iter().filter(|c| !c.ok && c.name != "schedule").map(|c| check(c, KO)).collect();
            let mode = if checks.iter().any(|c| c.name == "schedule" && !c.ok) { " · 관찰 모드(주문 없음)" } else { "" };
            let why = if failed.is_empty() { String::new() } else { format!(" · {}", failed.join(", ")) };
            let when = times.as_ref().map(|t| effective(t, KO)).unwrap_or_default();
            format!("{head} ({session}){why} · 최대 매수 {}{when}{mode}", usd(*largest_spending_usd))
        }
        Notice::SessionReport { session, bots, bought_usd, sold_usd, profit_usd, compared } => {
            let mut lines: Vec<String> = bots.iter().map(|l| report_line(l, KO)).collect();
            lines.extend(comparison(compared, KO));
            format!(
                "📋 {session} 결과\n매수 {} · 매도 {} · 실현손익 {}\n{}",
                usd(*bought_usd),
                usd(*sold_usd),
                usd(*profit_usd),
                lines.join("\n")
            )
        }
        Notice::SlotMissed { job: name, due } => {
            format!(
                "⚠️ {} ({} KST)을(를) 실행하지 못했습니다. 서버가 그 시각에 동작하지 않았거나 증권사에 연결되지 않았습니다.",
                job(name, KO),
                kst(*due)
            )
        }
        Notice::SessionsMissed { sessions, earlier, no_key } => missed(sessions, *earlier, *no_key, KO),
        Notice::SlotFailed { job: name, detail } => format!("❌ {} 실패: {detail}", job(name, KO)),
        Notice::SlicesRespaced { bot, slices, last } => {
            format!("⏱ {bot}: 중단 후 남은 분할을 {slices}회로 다시 배치했습니다 (마지막 {} KST)", kst(*last))
        }
        Notice::OrderUnknown { bot, symbol, .. } => {
            format!("❓ {bot} {symbol} 주문의 접수 여부를 확인 중입니다. 다시 보내지 않고 증권사 목록에서 찾습니다.")
        }
        Notice::OrderFound { bot, symbol, broker_order_no } => {
            format!("✅ {bot} {symbol}: 확인 중이던 주문을 찾았습니다 (주문번호 {broker_order_no})")
        }
        Notice::OrderNotPlaced { bot, symbol } => format!("ℹ️ {bot} {symbol}: 확인 중이던 주문은 접수되지 않았습니다"),
        Notice::OrderAmbiguous { bot, symbol, candidates } => {
            format!(
                "🛑 {bot} {symbol}: 어느 주문이 우리 주문인지 가릴 수 없습니다 (후보 {}). 증권사 앱에서 확인해 주세요.",
                candidates.join(", ")
            )
        }
        Notice::OrderRefused { bot, symbol, reason_code, detail } => {
            format!("🚫 {bot} {symbol} 주문이 거부되었습니다: {} ({reason_code})", cause(reason_code, detail))
        }
        Notice::LateFill { bot, symbol, quantity, price } => {
            format!("📥 {bot} {symbol}: 늦은 체결 {quantity}주 @ {}을(를) 기록했습니다", usd(*price))
        }
        Notice::BrokerProblem { reason_code, detail } => {
            format!("🔌 계좌를 처리하지 못하고 있습니다: {} ({reason_code})", cause(reason_code, detail))
        }
        Notice::BrokerRecovered => "🔌 계좌가 다시 정상입니다".to_owned(),
        Notice::WouldOrder { bot, symbol, kind, value } => {
            let what = if kind.starts_with("SELL") { format!("{value:.0}주 매도") } else { format!("{} 매수", usd(*value)) };
            format!("👀 관찰: {bot}이(가) 오늘 {symbol} {what}({kind})를 결정했습니다. 주문은 보내지 않았습니다.")
        }
        Notice::StatusBot {
            bot,
            symbol,
            started,
            days,
            quantity,
            average_price,
            price,
            profit_usd,
            profit_percent,
            t,
            max_tier,
            point,
            point_price,
            cost_usd,
            progress_percent,
        } => format!(
            "[{bot}] {symbol}\n시작 {started} (+{days}일)\n손익 {} ({})\n현재가 {} · 평단 {} · {quantity}주\nT {t:.2}/{max_tier} · 별지점 {} ({})\n시드 사용 {progress_percent:.1}% ({})",
            usd(*profit_usd),
            percent(*profit_percent),
            usd(*price),
            usd(*average_price),
            percent(point * 100.0),
            usd(*point_price),
            usd(*cost_usd)
        ),
        Notice::StatusPortfolio {
            cash_usd,
            invested_usd,
            reserve_usd,
            total_usd,
            profit_usd,
            one_day_seed_usd,
            pool_usd,
            realised_usd,
            invested_percent,
            active_bots,
            bots,
            low_cash,
            usd_krw,
        } => {
            let cash = cash_usd.map_or("확인 안 됨".to_owned(), usd);
            let warning = if *low_cash { "\n⚠️ 예수금이 이틀치 시드보다 적습니다" } else { "" };
            let won = usd_krw.map(|r| format!(" ({})", krw(profit_usd * r))).unwrap_or_default();
            format!(
                "💼 계좌 현황\n예수금 {cash} · 하루 시드 {}{warning}\n봇 {active_bots}/{bots} · 평가 {} · RP {}\n총 자산 {} · 현금 비중 {:.1}%\n평가손익 {}{won}\n누적 실현 {} · 여유 {}",
                usd(*one_day_seed_usd),
                usd(*invested_usd),
                usd(*reserve_usd),
                usd(*total_usd),
                100.0 - invested_percent,
                usd(*profit_usd),
                usd(*realised_usd),
                usd(*pool_usd)
            )
        }
        Notice::StatusToday { session, profit_usd, usd_krw, bots } => {
            let lines: Vec<String> = bots.iter().map(|(bot, profit)| format!("{bot} {}", usd(*profit))).collect();
            let won = usd_krw
                .map(|r| format!("\n{} · 예상 세금(22%, 공제 전) {}", krw(profit_usd * r), krw((profit_usd * r * 0.22).max(0.0))))
                .unwrap_or_default();
            format!("💰 {session} 실현손익 {}{won}\n{}", usd(*profit_usd), lines.join("\n"))
        }
        Notice::AccountStarted => "▶️ 이 계좌의 자동 매매를 시작했습니다".to_owned(),
        Notice::PaperStarted { twin } => {
            format!("📝 모의 실행을 시작했습니다: 봇이 오늘부터 '{twin}'에서 모의로 매매하고, 이 계좌는 관찰만 합니다")
        }
        Notice::PaperEnded { twin } => format!("📝 모의 실행 '{twin}'이(가) 끝났습니다. 기록은 남아 있습니다."),
        Notice::FirstConnection { surplus } => {
            let shares: Vec<String> = surplus.iter().map(|(symbol, shares)| format!("{symbol} {shares}주")).collect();
            format!(
                "🔎 증권사 계좌에 봇의 것이 아닌 주식이 있습니다: {}. 직접 보유한 것이 맞는지 한 번만 확인해 주세요.",
                shares.join(", ")
            )
        }
        Notice::PositionDiffers { symbol, ours, brokers, executions, holds } => {
            let why = match executions {
                0 => "체결 내역으로는 설명되지 않습니다".to_owned(),
                n => format!("여기서 보내지 않은 체결 {n}건이 있습니다"),
            };
            let hold = if *holds { " 답하실 때까지 이 종목의 봇은 쉬고, 다른 종목은 계속합니다." } else { "" };
            format!("⚠️ {symbol}: 장부 {ours}주, 증권사 {brokers}주. {why}. 누구의 거래인지 알려 주세요.{hold}")
        }
        Notice::SplitSuspected { symbol, new, old, ours, brokers, price, holds } => {
            let hint = match price {
                Some((before, now)) => format!("가격 {before} → {now}"),
                None => format!("장부 {ours}주, 증권사 {brokers}주"),
            };
            let hold = if *holds { " 답하실 때까지 이 종목의 봇은 쉽니다." } else { "" };
            format!("✂️ {symbol}: {old}주가 {new}주가 되는 분할·병합으로 보입니다 ({hint}). 맞는지 확인해 주세요.{hold}")
        }
        Notice::PriceOutOfBounds { symbol, before, now } => {
            format!(
                "⚠️ {symbol}: 가격이 {before}에서 {now}(으)로 크게 바뀌었습니다. 실제 변동인지, 분할·병합인지 확인해 주세요. 답하실 때까지 이 종목의 봇은 쉽니다."
            )
        }
        Notice::CashDiffers { currency, ours, brokers } => {
            format!(
                "💵 {currency} 현금: 장부 {ours}, 증권사 {brokers}. 입출금·배당·이자·환전 가운데 무엇인지 알려 주세요. 봇은 쉬지 않습니다."
            )
        }
        Notice::DifferenceEnded { symbol } => format!("✅ {symbol}: 장부와 증권사 잔고의 확인이 끝났습니다"),
        Notice::BotHeld { bot, symbol, ours, brokers } => {
            format!("⏸ {bot}: {symbol} 확인(장부 {ours}주, 증권사 {brokers}주)에 답이 없어 이번 차례를 쉬었습니다")
        }
        Notice::AnotherProgram { symbol, broker_order_nos } => {
            format!(
                "🛑 다른 프로그램이 이 계좌를 거래하는 것 같습니다: 여기서 보내지 않은 {symbol} 주문이 봇의 주문과 닮았습니다 (주문번호 {}). 계좌를 관찰 모드로 바꾸었습니다.",
                broker_order_nos.join(", ")
            )
        }
        Notice::KillSwitchOn => "🛑 비상 정지: 새 주문을 보내지 않고 미체결 주문을 취소합니다".to_owned(),
        Notice::KillSwitchOff => "▶️ 비상 정지를 해제했습니다".to_owned(),
        Notice::AccountStopped => "⏹ 이 계좌의 자동 매매를 멈췄습니다. 봇은 관찰만 합니다.".to_owned(),
        Notice::ResetLinkMade { by } => {
            format!(
                "🔑 관리자 {by}님이 새 비밀번호를 정하는 링크를 만들었습니다. 30분 동안 한 번 쓸 수 있습니다. 요청하지 않았다면 관리자에게 확인해 주세요."
            )
        }
        Notice::PasswordReset { address } => format!(
            "🔐 {address}에서 링크나 복구 코드로 비밀번호를 새로 정했습니다. 모든 기기에서 로그아웃했고, 보안 페이지에서 확인할 때까지 실전 주문을 멈춥니다."
        ),
        Notice::ApiKeyMade { name, address } => format!(
            "🔑 {address}에서 API 키 '{name}'을(를) 만들었습니다. 본인이 아니라면 내 정보 페이지에서 키를 폐기하고 비밀번호를 바꿔 주세요."
        ),
        Notice::IdentityLinked { provider, address } => format!(
            "🔗 {address}에서 {provider} 로그인을 내 계정에 연결했습니다. 본인이 아니라면 보안 페이지에서 연결을 끊고 비밀번호를 바꿔 주세요."
        ),
        Notice::ServerRestarted { times, first, last, how } => format!(
            "♻️ 서버가 {} (KST) 이후 {times}번 스스로 멈춰 다시 시작했습니다. 마지막은 {}입니다 ({how}). 계좌는 증권사와 대조한 뒤 매매를 이어 갑니다.",
            kst(*first),
            kst(*last)
        ),
        Notice::UpgradeUndone { from, to, reason } => format!(
            "⏪ 새 버전 {from}이(가) 정상적으로 시작하지 못해 이전 버전 {to}(으)로 되돌렸습니다 ({reason}). 그동안의 매매 시각은 놓친 것으로 처리하며, 더 새로운 버전이 나오면 설치해 주세요."
        ),
        Notice::BackupFailed { reason_code, .. } => {
            format!("💾 백업하지 못했습니다: {}. 한 시간 뒤 다시 시도합니다.", backup_problem(reason_code))
        }
        Notice::BackupRecovered => "💾 백업이 다시 정상입니다".to_owned(),
        Notice::DrillFailed { reason_code, .. } => {
            format!("💾 복원 연습에 실패했습니다: {}. 지금 백업으로는 복원하지 못할 수 있습니다.", backup_problem(reason_code))
        }
        Notice::RecoveryKeyMade => {
            "🔑 백업의 복구 키가 만들어졌습니다. 관리의 백업 페이지에서 단어 12개를 보고 종이에 적어 두세요.".to_owned()
        }
        Notice::RecoveryKeyAsked => "🔑 복구 키를 아직 가지고 계신가요? 백업 페이지에서 단어 두 개를 입력해 확인해 주세요.".to_owned(),
        Notice::InstallationHeld { generation: None } => {
            "🛑 백업에서 복원되었습니다. 예전 서버가 꺼져 있음을 관리자가 확인할 때까지 아무것도 주문하지 않습니다.".to_owned()
        }
        Notice::InstallationHeld { generation: Some(generation) } => format!(
            "🛑 이 데이터가 다른 곳에서 복원되었습니다(세대 {generation}). 이 서버는 관리자가 넘겨받을 때까지 아무것도 주문하지 않습니다."
        ),
        Notice::InstallationReleased { by } => format!("▶️ 관리자 {by} 님이 거래 보류를 해제했습니다"),
        Notice::WatchRaised { alert } => watch_text::raised(alert, KO),
        Notice::WatchEnded { alert, since } => watch_text::ended(alert, *since, KO),
        Notice::ServerStarted { since, until, clean, lost } => watch_text::started(*since, *until, *clean, lost, KO),
        Notice::SessionRevoked { address } => {
            format!(
                "🔐 이미 쓴 로그인 토큰이 {address}에서 다시 쓰여, 그 기기의 로그인을 끊었습니다. 본인이 아니라면 비밀번호를 바꿔 주세요."
            )
        }
    }
}

fn english(notice: &Notice) -> String {
    const EN: Language = Language::En;
    match notice {
        Notice::Readiness { ready, session, checks, largest_spending_usd, times } => {
            let head = if *ready { "🟢 Ready for tonight" } else { "🔴 Tonight needs a look" };
            let failed: Vec<String> = checks.iter().filter(|c| !c.ok && c.name != "schedule").map(|c| check(c, EN)).collect();
            let mode = if checks.iter().any(|c| c.name == "schedule" && !c.ok) { " · observing (no orders)" } else { "" };
            let why = if failed.is_empty() { String::new() } else { format!(" · {}", failed.join(", ")) };
            let when = times.as_ref().map(|t| effective(t, EN)).unwrap_or_default();
            format!("{head} ({session}){why} · at most {} to spend{when}{mode}", usd(*largest_spending_usd))
        }
        Notice::SessionReport { session, bots, bought_usd, sold_usd, profit_usd, compared } => {
            let mut lines: Vec<String> = bots.iter().map(|l| report_line(l, EN)).collect();
            lines.extend(comparison(compared, EN));
            format!(
                "📋 Result of {session}\nbought {} · sold {} · realised {}\n{}",
                usd(*bought_usd),
                usd(*sold_usd),
                usd(*profit_usd),
                lines.join("\n")
            )
        }
        Notice::SlotMissed { job: name, due } => {
            format!("⚠️ The {} of {} KST did not run: the server was down then or could not reach the broker.", job(name, EN), kst(*due))
        }
        Notice::SessionsMissed { sessions, earlier, no_key } => missed(sessions, *earlier, *no_key, EN),
        Notice::SlotFailed { job: name, detail } => format!("❌ {} failed: {detail}", job(name, EN)),
        Notice::SlicesRespaced { bot, slices, last } => {
            format!("⏱ {bot}: after an interruption the rest was spread over {slices} slices (last {} KST)", kst(*last))
        }
        Notice::OrderUnknown { bot, symbol, detail } => {
            format!(
                "❓ {bot} {symbol}: it is not known yet whether the broker took the order. It is searched for, never sent again. ({detail})"
            )
        }
        Notice::OrderFound { bot, symbol, broker_order_no } => {
            format!("✅ {bot} {symbol}: the uncertain order was found (no. {broker_order_no})")
        }
        Notice::OrderNotPlaced { bot, symbol } => format!("ℹ️ {bot} {symbol}: the uncertain order was never placed"),
        Notice::OrderAmbiguous { bot, symbol, candidates } => {
            format!("🛑 {bot} {symbol}: several orders could be ours ({}). Please look in the broker's app.", candidates.join(", "))
        }
        Notice::OrderRefused { bot, symbol, reason_code, detail } => format!("🚫 {bot} {symbol}: order refused: {detail} ({reason_code})"),
        Notice::LateFill { bot, symbol, quantity, price } => {
            format!("📥 {bot} {symbol}: late execution of {quantity} shares at {} was booked", usd(*price))
        }
        Notice::BrokerProblem { reason_code, detail } => format!("🔌 This account cannot be served: {detail} ({reason_code})"),
        Notice::BrokerRecovered => "🔌 This account works again".to_owned(),
        Notice::WouldOrder { bot, symbol, kind, value } => {
            let what = if kind.starts_with("SELL") { format!("sell {value:.0} shares of") } else { format!("buy {} of", usd(*value)) };
            format!("👀 Observing: {bot} decided to {what} {symbol} ({kind}). No order was sent.")
        }
        Notice::StatusBot {
            bot,
            symbol,
            started,
            days,
            quantity,
            average_price,
            price,
            profit_usd,
            profit_percent,
            t,
            max_tier,
            point,
            point_price,
            cost_usd,
            progress_percent,
        } => format!(
            "[{bot}] {symbol}\nsince {started} (+{days} days)\nprofit {} ({})\nprice {} · average {} · {quantity} shares\nT {t:.2}/{max_tier} · point {} ({})\nbudget used {progress_percent:.1}% ({})",
            usd(*profit_usd),
            percent(*profit_percent),
            usd(*price),
            usd(*average_price),
            percent(point * 100.0),
            usd(*point_price),
            usd(*cost_usd)
        ),
        Notice::StatusPortfolio {
            cash_usd,
            invested_usd,
            reserve_usd,
            total_usd,
            profit_usd,
            one_day_seed_usd,
            pool_usd,
            realised_usd,
            invested_percent,
            active_bots,
            bots,
            low_cash,
            usd_krw,
        } => {
            let cash = cash_usd.map_or("unknown".to_owned(), usd);
            let warning = if *low_cash { "\n⚠️ Cash is below two days of seeds" } else { "" };
            let won = usd_krw.map(|r| format!(" ({})", krw(profit_usd * r))).unwrap_or_default();
            format!(
                "💼 Account\ncash {cash} · one day of seeds {}{warning}\nbots {active_bots}/{bots} · holdings {} · reserve {}\ntotal {} · cash share {:.1}%\nunrealised {}{won}\nrealised so far {} · spare {}",
                usd(*one_day_seed_usd),
                usd(*invested_usd),
                usd(*reserve_usd),
                usd(*total_usd),
                100.0 - invested_percent,
                usd(*profit_usd),
                usd(*realised_usd),
                usd(*pool_usd)
            )
        }
        Notice::StatusToday { session, profit_usd, usd_krw, bots } => {
            let lines: Vec<String> = bots.iter().map(|(bot, profit)| format!("{bot} {}", usd(*profit))).collect();
            let won = usd_krw
                .map(|r| {
                    format!(
                        "\n{} · tax estimate (22 %, before the allowance) {}",
                        krw(profit_usd * r),
                        krw((profit_usd * r * 0.22).max(0.0))
                    )
                })
                .unwrap_or_default();
            format!("💰 Realised in {session}: {}{won}\n{}", usd(*profit_usd), lines.join("\n"))
        }
        Notice::AccountStarted => "▶️ Automatic trading of this account has started".to_owned(),
        Notice::PaperStarted { twin } => {
            format!("📝 The paper run has started: the bots trade on paper in '{twin}', this account goes on observing")
        }
        Notice::PaperEnded { twin } => format!("📝 The paper run '{twin}' has ended. Its record stays."),
        Notice::FirstConnection { surplus } => {
            let shares: Vec<String> = surplus.iter().map(|(symbol, shares)| format!("{shares} {symbol}")).collect();
            format!("🔎 The broker holds shares that are no bot's: {}. Say once whether they are your own.", shares.join(", "))
        }
        Notice::PositionDiffers { symbol, ours, brokers, executions, holds } => {
            let why = match executions {
                0 => "No execution explains it".to_owned(),
                1 => "One execution was not sent from here".to_owned(),
                n => format!("{n} executions were not sent from here"),
            };
            let hold = if *holds { " Until you answer the bots on it wait; all others go on." } else { "" };
            format!("⚠️ {symbol}: the books have {ours} shares, the broker {brokers}. {why}: say whose trade it was.{hold}")
        }
        Notice::SplitSuspected { symbol, new, old, ours, brokers, price, holds } => {
            let hint = match price {
                Some((before, now)) => format!("price {before} → {now}"),
                None => format!("books {ours}, broker {brokers} shares"),
            };
            let hold = if *holds { " Until you answer the bots on it wait." } else { "" };
            format!("✂️ {symbol}: this looks like a split, {new} new shares for {old} ({hint}). Say whether it is one.{hold}")
        }
        Notice::PriceOutOfBounds { symbol, before, now } => {
            format!(
                "⚠️ {symbol}: the price went from {before} to {now}. Say whether it really moved or the shares were split. Until you answer the bots on it wait."
            )
        }
        Notice::CashDiffers { currency, ours, brokers } => {
            format!(
                "💵 {currency} cash: the books have {ours}, the broker {brokers}. Say whether it was a deposit, a withdrawal, a dividend, interest or an exchange. The bots go on."
            )
        }
        Notice::DifferenceEnded { symbol } => format!("✅ {symbol}: books and broker agree again"),
        Notice::BotHeld { bot, symbol, ours, brokers } => {
            format!("⏸ {bot} sat this turn out: the question about {symbol} is open (books {ours}, broker {brokers} shares)")
        }
        Notice::AnotherProgram { symbol, broker_order_nos } => {
            format!(
                "🛑 Another program may be trading this account: {symbol} orders that were not sent from here look like its bots' (numbers {}). The account only observes now.",
                broker_order_nos.join(", ")
            )
        }
        Notice::KillSwitchOn => "🛑 Kill switch: nothing new is sent and open orders are cancelled".to_owned(),
        Notice::KillSwitchOff => "▶️ The kill switch was lifted".to_owned(),
        Notice::AccountStopped => "⏹ Automatic trading of this account has stopped. Its bots only observe.".to_owned(),
        Notice::ResetLinkMade { by } => {
            format!(
                "🔑 The administrator {by} made a link that sets a new password for you. It counts once, for 30 minutes. If you did not ask for it, speak to your administrator."
            )
        }
        Notice::PasswordReset { address } => format!(
            "🔐 Your password was set anew from {address}, with a link or a recovery code. All devices were signed out, and live orders wait until you confirm it on the security page."
        ),
        Notice::ApiKeyMade { name, address } => format!(
            "🔑 The API key '{name}' was made from {address}. If this was not you, revoke it on the profile page and change your password."
        ),
        Notice::IdentityLinked { provider, address } => format!(
            "🔗 A sign-in with {provider} was linked to your account from {address}. If this was not you, remove it on the security page and change your password."
        ),
        Notice::ServerRestarted { times, first, last, how } => format!(
            "♻️ The server stopped by itself {times} times since {} (KST) and was started again, the last time at {} ({how}). Accounts are compared with the broker before they trade on.",
            kst(*first),
            kst(*last)
        ),
        Notice::UpgradeUndone { from, to, reason } => format!(
            "⏪ The new version {from} did not come up healthy, so {to} runs again ({reason}). Slots of that time count as missed. Install a newer version when there is one."
        ),
        Notice::BackupFailed { detail, .. } => format!("💾 The backup failed: {detail}. It is tried again in an hour."),
        Notice::BackupRecovered => "💾 Backups work again".to_owned(),
        Notice::DrillFailed { detail, .. } => {
            format!("💾 The restore drill failed: {detail}. It may not be possible to restore from the present backup.")
        }
        Notice::RecoveryKeyMade => {
            "🔑 A recovery key for backups was made. Look at its twelve words on the page Backup and write them down on paper.".to_owned()
        }
        Notice::RecoveryKeyAsked => {
            "🔑 Do you still have the recovery key? Enter two of its words on the page Backup to be sure.".to_owned()
        }
        Notice::InstallationHeld { generation: None } => {
            "🛑 Restored from a backup. Nothing is ordered until an administrator confirms that the old server is off.".to_owned()
        }
        Notice::InstallationHeld { generation: Some(generation) } => format!(
            "🛑 These data were restored elsewhere (generation {generation}). This server orders nothing until an administrator takes over."
        ),
        Notice::InstallationReleased { by } => format!("▶️ The administrator {by} has lifted the hold on trading"),
        Notice::WatchRaised { alert } => watch_text::raised(alert, EN),
        Notice::WatchEnded { alert, since } => watch_text::ended(alert, *since, EN),
        Notice::ServerStarted { since, until, clean, lost } => watch_text::started(*since, *until, *clean, lost, EN),
        Notice::SessionRevoked { address } => {
            format!(
                "🔐 A sign-in token that was already used came again from {address}, so that device was signed out. If this was not you, change your password."
            )
        }
    }
}

/// The night's times on a Korean clock.
fn effective(times: &EffectiveTimes, language: Language) -> String {
    let clock = |at: Timestamp| kst_datetime(at).strftime("%H:%M").to_string();
    let (decision, closing) = (clock(times.decision), clock(times.closing_buy));
    let slices = match times.slices.as_slice() {
        [] => "–".to_owned(),
        [only] => clock(*only),
        [first, .., last] => format!("{}–{}", clock(*first), clock(*last)),
    };
    let count = times.slices.len();
    match (language, count) {
        (Language::Ko, _) => format!(" · 판단 {decision}, 분할 주문 {slices} ({count}회), 종가 매수 {closing} (한국 시각)"),
        (Language::En, 1) => format!(" · decision {decision}, one slice {slices}, closing buy {closing} (Korean time)"),
        (Language::En, _) => format!(" · decision {decision}, {count} slices {slices}, closing buy {closing} (Korean time)"),
    }
}

/// Sessions of which something or everything did not run.
fn missed(sessions: &[MissedSession], earlier: u32, no_key: bool, language: Language) -> String {
    let why = match (no_key, language) {
        (true, Language::Ko) => "계좌에 사용할 수 있는 증권사 키가 없습니다.",
        (false, Language::Ko) => "서버가 동작하지 않았거나 증권사에 연결되지 않았습니다.",
        (true, Language::En) => "the account has no usable broker key.",
        (false, Language::En) => "the server was down or could not reach the broker.",
    };
    if let ([only], 0) = (sessions, earlier) {
        let jobs = only.jobs.iter().map(|name| job(name, language)).collect::<Vec<_>>().join(", ");
        return match language {
            Language::Ko => format!("⚠️ {} 세션에서 실행하지 못했습니다: {jobs}. {why}", only.session),
            Language::En => format!("⚠️ Not run in the session of {}: {jobs}: {why}", only.session),
        };
    }
    let dates = sessions.iter().map(|s| match (s.whole, language) {
        (true, _) => s.session.to_string(),
        (false, Language::Ko) => format!("{}(일부)", s.session),
        (false, Language::En) => format!("{} (in part)", s.session),
    });
    let dates = dates.collect::<Vec<_>>().join(", ");
    let count = sessions.len() + usize::try_from(earlier).unwrap_or(0);
    match (language, earlier) {
        (Language::Ko, 0) => format!("⚠️ 거래 세션 {count}개를 놓쳤습니다: {dates}. {why}"),
        (Language::Ko, _) => format!("⚠️ 거래 세션 {count}개를 놓쳤습니다: {dates}와 그 이전 {earlier}개. {why}"),
        (Language::En, 0) => format!("⚠️ {count} sessions were missed: {dates}: {why}"),
        (Language::En, _) => format!("⚠️ {count} sessions were missed: {dates} and {earlier} before them: {why}"),
    }
}

fn check(check: &ReadinessCheck, language: Language) -> String {
    let name = match (check.name.as_str(), language) {
        ("token", Language::Ko) => "증권사 접속",
        ("cash", Language::Ko) => "예수금 부족",
        ("cash_unknown", Language::Ko) => "예수금을 확인하지 못함",
        ("unresolved", Language::Ko) => "확인 중인 주문",
        ("disk", Language::Ko) => "디스크 공간",
        ("clock", Language::Ko) => "시계 오차",
        ("token", Language::En) => "broker access",
        ("cash", Language::En) => "not enough cash",
        ("cash_unknown", Language::En) => "cash could not be read",
        ("unresolved", Language::En) => "uncertain orders",
        ("disk", Language::En) => "disk space",
        ("clock", Language::En) => "clock is off",
        ("no_broker_key", Language::Ko) => "증권사 키 없음(계좌 화면에서 입력)",
        ("broker_key_unreadable", Language::Ko) => "증권사 키를 읽을 수 없음(다시 입력)",
        ("no_broker_key", Language::En) => "no broker key (enter it on the account's page)",
        ("broker_key_unreadable", Language::En) => "the broker key cannot be read (enter it again)",
        (other, _) => other,
    };
    let number = check.detail.parse::<f64>().ok();
    let detail = match (check.name.as_str(), number, language) {
        (_, None, _) if check.detail.is_empty() => return name.to_owned(),
        ("cash", Some(amount), _) => usd(amount),
        ("clock", Some(seconds), Language::Ko) => format!("{seconds:+}초"),
        ("clock", Some(seconds), Language::En) => format!("{seconds:+} s"),
        ("disk", Some(free), Language::Ko) => format!("{free} MB 남음"),
        ("disk", Some(free), Language::En) => format!("{free} MB left"),
        ("unresolved", Some(orders), Language::Ko) => format!("{orders}건"),
        _ => check.detail.clone(),
    };
    format!("{name}: {detail}")
}

fn report_line(line: &ReportLine, language: Language) -> String {
    let planned = match (&line.planned_kind, language) {
        (None, Language::Ko) => "계획 없음".to_owned(),
        (None, Language::En) => "nothing planned".to_owned(),
        (Some(kind), Language::Ko) if kind.starts_with("SELL") => format!("계획 매도 {:.0}주", line.planned_value),
        (Some(kind), Language::En) if kind.starts_with("SELL") => format!("planned to sell {:.0} shares", line.planned_value),
        (Some(_), Language::Ko) => format!("계획 매수 {}", usd(line.planned_value)),
        (Some(_), Language::En) => format!("planned to buy {}", usd(line.planned_value)),
    };
    let result = match language {
        Language::Ko => format!("체결 {}주 {}", line.filled_quantity, usd(line.filled_usd)),
        Language::En => format!("filled {} shares {}", line.filled_quantity, usd(line.filled_usd)),
    };
    let profit = if line.profit_usd == 0.0 { String::new() } else { format!(" · {}", usd(line.profit_usd)) };
    format!("{} {}: {planned} → {result}{profit}", line.bot, line.symbol)
}

/// Observing bots beside what the other program did, under a heading of their own.
fn comparison(lines: &[NightLine], language: Language) -> Vec<String> {
    let korean = language == Language::Ko;
    let shown = |line: &NightLine| {
        let mark = match line.verdict {
            Verdict::Same | Verdict::Nothing => "✅",
            Verdict::Different => "❗",
            Verdict::NotComparable => "❔",
        };
        let mut here = Vec::new();
        if line.buy_usd > 0.0 {
            here.push(if korean { format!("매수 {}", usd(line.buy_usd)) } else { format!("buy {}", usd(line.buy_usd)) });
        }
        if line.sell_shares > 0.0 {
            here.push(if korean { format!("매도 {:.0}주", line.sell_shares) } else { format!("sell {:.0} shares", line.sell_shares) });
        }
        let mut there = Vec::new();
        if line.executed.bought > 0 {
            let (shares, amount) = (line.executed.bought, usd(line.executed.bought_usd));
            there.push(if korean { format!("매수 {shares}주 {amount}") } else { format!("bought {shares} shares {amount}") });
        }
        if line.executed.sold > 0 {
            let (shares, amount) = (line.executed.sold, usd(line.executed.sold_usd));
            there.push(if korean { format!("매도 {shares}주 {amount}") } else { format!("sold {shares} shares {amount}") });
        }
        let side = |parts: Vec<String>| match (parts.is_empty(), korean) {
            (true, true) => "없음".to_owned(),
            (true, false) => "nothing".to_owned(),
            (false, _) => parts.join(", "),
        };
        let verdict = verdict_words(line, korean);
        let together = match (line.together_with.is_empty(), korean) {
            (true, _) => String::new(),
            (false, true) => format!(" ({}와(과) 함께 비교)", line.together_with.join(", ")),
            (false, false) => format!(" (compared together with {})", line.together_with.join(", ")),
        };
        let (here, there) = (side(here), side(there));
        let sides = if korean { format!("여기 {here} · 실제 {there}") } else { format!("here {here} · really {there}") };
        format!("{mark} {} {}: {verdict}, {sides}{together}", line.bot, line.symbol)
    };
    let heading = if korean { "기존 서버와 비교" } else { "Compared with the old server" };
    if lines.is_empty() { Vec::new() } else { std::iter::once(heading.to_owned()).chain(lines.iter().map(shown)).collect() }
}

fn verdict_words(line: &NightLine, korean: bool) -> &'static str {
    match (line.verdict, line.reason.as_deref(), korean) {
        (Verdict::Same, _, true) => "같음",
        (Verdict::Same, _, false) => "the same",
        (Verdict::Nothing, _, true) => "둘 다 주문 없음",
        (Verdict::Nothing, _, false) => "no order on either side",
        (Verdict::Different, Some("only_here"), true) => "다름: 여기서만 주문",
        (Verdict::Different, Some("only_here"), false) => "different: an order only here",
        (Verdict::Different, Some("only_there"), true) => "다름: 실제 서버만 주문",
        (Verdict::Different, Some("only_there"), false) => "different: an order only there",
        (Verdict::Different, Some("side"), true) => "다름: 매수·매도 방향",
        (Verdict::Different, Some("side"), false) => "different: the side",
        (Verdict::Different, _, true) => "다름: 수량",
        (Verdict::Different, _, false) => "different: the amount",
        (Verdict::NotComparable, Some("books_outdated"), true) => "비교 불가: 가져온 자료 이후에 거래가 있었습니다. 새 DB를 가져오세요",
        (Verdict::NotComparable, Some("books_outdated"), false) => "not comparable: it was traded since the import; import a newer copy",
        (Verdict::NotComparable, Some("no_price"), true) => "비교 불가: 시세가 없었습니다",
        (Verdict::NotComparable, Some("no_price"), false) => "not comparable: there was no price",
        (Verdict::NotComparable, _, true) => "비교 불가: 이 밤에 결정이 실행되지 않았습니다",
        (Verdict::NotComparable, _, false) => "not comparable: the decision did not run that night",
    }
}

/// What a code of ours means in Korean. A broker's own code comes with the broker's own words, which are Korean.
fn cause<'a>(code: &str, detail: &'a str) -> &'a str {
    match code {
        "broker_unreachable" => "증권사에 연결할 수 없습니다",
        "broker_no_answer" => "증권사가 답하지 않습니다",
        "broker_protocol" => "증권사의 답을 이해할 수 없습니다",
        "unknown_instrument" => "증권사가 모르는 종목입니다",
        "forbidden_environment" => "이 계좌의 환경(모의·실전)에서는 할 수 없습니다",
        "too_many_requests" => "증권사의 호출 한도를 넘었습니다",
        "too_late" => "보내기 전에 주문 시한이 지났습니다",
        "live_locked" => "실전 주문이 잠겨 있습니다. 관리자 허용, 실전 권한, 계좌 단계가 모두 필요합니다",
        "live_not_allowed" => "관리자가 이 서버의 실전 매매를 허용하지 않았습니다",
        "real_trade_not_permitted" => "관리자가 이 사용자의 실전 매매를 허용하지 않았습니다",
        "not_live_yet" => "이 계좌는 아직 실전 단계가 아닙니다. 계좌 화면에서 단계를 올리세요",
        "halted" => "긴급 정지 중이라 주문을 보내지 않았습니다",
        "observing" => "관찰 중인 계좌라 주문을 보내지 않았습니다",
        "paper_trade_not_permitted" => "관리자가 이 사용자의 모의 매매를 허용하지 않았습니다",
        "environment_mismatch" => "주문과 계좌의 환경(모의·실전)이 다릅니다",
        "permission_unreadable" => "주문을 내보내도 되는지 서버가 읽지 못해 보내지 않았습니다",
        "bot_inactive" => "이 봇은 꺼져 있습니다",
        "bot_observes" => "이 봇은 관찰 단계입니다",
        "position_differs" => "장부와 증권사 잔고가 다릅니다. 확인에 답하면 봇이 다시 움직입니다",
        "split_suspected" => "주식 분할·병합으로 보입니다. 확인에 답하면 봇이 다시 움직입니다",
        "market_closed" => "장이 열려 있지 않습니다",
        "calendar" => "거래소 일정에 없는 날짜입니다",
        "not_listed" => "증권사가 접수한 주문이 마지막 목록에 없습니다. 증권사 앱과 비교하세요",
        "broker_key_unreadable" => "저장된 증권사 키를 읽을 수 없습니다. 다시 입력하세요",
        "store" => "서버가 저장하지 못했습니다",
        "internal_error" => "서버 내부 오류입니다. 관리자의 기록에 자세한 내용이 있습니다",
        _ => detail,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_grouped_and_signed() {
        assert_eq!(usd(1_234_567.891), "$1,234,567.89");
        assert_eq!(usd(-3.0), "-$3.00");
        assert_eq!(usd(999.0), "$999.00");
        assert_eq!(krw(-1_391_000.4), "-₩1,391,000");
    }

    #[test]
    fn a_compared_night_shows_both_sides_in_both_languages() {
        let line = NightLine {
            bot_id: crate::domain::id::BotId(uuid::Uuid::nil()),
            bot: "TQ_1".to_owned(),
            symbol: "TQQQ".to_owned(),
            verdict: Verdict::Different,
            reason: Some("amount".to_owned()),
            buy_usd: 1_000.0,
            sell_shares: 0.0,
            executed: crate::domain::night::Executed { bought: 12, bought_usd: 720.0, ..Default::default() },
            together_with: vec!["TQ_2".to_owned()],
        };
        let quiet = NightLine { verdict: Verdict::Nothing, reason: None, buy_usd: 0.0, executed: Default::default(), ..line.clone() };
        assert_eq!(
            comparison(&[line.clone(), quiet.clone()], Language::Ko),
            [
                "기존 서버와 비교",
                "❗ TQ_1 TQQQ: 다름: 수량, 여기 매수 $1,000.00 · 실제 매수 12주 $720.00 (TQ_2와(과) 함께 비교)",
                "✅ TQ_1 TQQQ: 둘 다 주문 없음, 여기 없음 · 실제 없음 (TQ_2와(과) 함께 비교)",
            ]
        );
        let english = comparison(&[line], Language::En);
        assert_eq!(
            english[1],
            "❗ TQ_1 TQQQ: different: the amount, here buy $1,000.00 · really bought 12 shares $720.00 (compared together with TQ_2)"
        );
        assert_eq!(comparison(&[], Language::Ko), Vec::<String>::new());
    }

    #[test]
    fn a_red_readiness_line_says_what_is_wrong_in_both_languages() {
        let check = |name: &str, ok, detail: &str| ReadinessCheck { name: name.into(), ok, detail: detail.into() };
        let checks =
            vec![check("token", true, ""), check("cash", false, "12.5"), check("clock", false, "-45"), check("schedule", true, "")];
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let times = EffectiveTimes {
            decision: at("2026-05-14T15:05:00Z"),
            slices: vec![at("2026-05-14T15:10:00Z"), at("2026-05-14T17:20:00Z"), at("2026-05-14T19:30:00Z")],
            closing_buy: at("2026-05-14T19:50:00Z"),
        };
        let session = "2026-05-14".to_owned();
        let notice = Notice::Readiness { ready: false, session, checks, largest_spending_usd: 1_020.0, times: Some(times) };
        assert_eq!(
            render(&notice, Language::Ko),
            "🔴 오늘 밤 확인이 필요합니다 (2026-05-14) · 예수금 부족: $12.50, 시계 오차: -45초 · 최대 매수 $1,020.00 · 판단 00:05, 분할 주문 00:10–04:30 (3회), 종가 매수 04:50 (한국 시각)"
        );
        assert_eq!(
            render(&notice, Language::En),
            "🔴 Tonight needs a look (2026-05-14) · not enough cash: $12.50, clock is off: -45 s · at most $1,020.00 to spend · decision 00:05, 3 slices 00:10–04:30, closing buy 04:50 (Korean time)"
        );
    }

    #[test]
    fn a_readiness_line_of_the_first_version_is_still_worded() {
        let stored = serde_json::json!({
            "code": "READINESS", "ready": true, "session": "2026-05-14", "checks": [], "largest_spending_usd": 10.0
        });
        let notice: Notice = serde_json::from_value(stored).unwrap();
        assert!(render(&notice, Language::En).contains("at most $10.00 to spend"));
    }

    #[test]
    fn missed_sessions_are_told_with_their_jobs_or_their_dates() {
        let missed = |day: i8, whole| MissedSession {
            session: jiff::civil::date(2026, 5, day),
            jobs: vec!["decision".to_owned(), "closing_buy".to_owned()],
            whole,
        };
        let text = |sessions: &[MissedSession], earlier, no_key, language| {
            render(&Notice::SessionsMissed { sessions: sessions.to_vec(), earlier, no_key }, language)
        };
        let one = [missed(14, true)];
        assert_eq!(
            text(&one, 0, true, Language::En),
            "⚠️ Not run in the session of 2026-05-14: decision, closing buy: the account has no usable broker key."
        );
        assert_eq!(
            text(&one, 0, false, Language::Ko),
            "⚠️ 2026-05-14 세션에서 실행하지 못했습니다: 매매 판단, 종가 급락 매수. 서버가 동작하지 않았거나 증권사에 연결되지 않았습니다."
        );
        let several = [missed(14, false), missed(15, true)];
        assert_eq!(
            text(&several, 0, false, Language::En),
            "⚠️ 2 sessions were missed: 2026-05-14 (in part), 2026-05-15: the server was down or could not reach the broker."
        );
        assert!(
            text(&several, 32, false, Language::En)
                .contains("34 sessions were missed: 2026-05-14 (in part), 2026-05-15 and 32 before them")
        );
        assert!(
            text(&several, 32, false, Language::Ko).contains("거래 세션 34개를 놓쳤습니다: 2026-05-14(일부), 2026-05-15와 그 이전 32개")
        );
        let check = ReadinessCheck { name: "no_broker_key".to_owned(), ok: false, detail: String::new() };
        for (language, words) in [(Language::Ko, "증권사 키 없음"), (Language::En, "no broker key")] {
            let checks = vec![check.clone()];
            let line = Notice::Readiness { ready: false, session: "2026-05-14".into(), checks, largest_spending_usd: 0.0, times: None };
            assert!(render(&line, language).contains(words));
        }
    }
}
