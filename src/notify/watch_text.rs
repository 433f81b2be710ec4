//! Wording of what is told of the installation itself, in Korean and English.

use jiff::Timestamp;
use jiff::civil::Date;

use super::notice_text::{job, kst};
use crate::domain::instrument::Market;
use crate::domain::user::Language;
use crate::domain::watch::{Alert, Expiring, LostSlots};

fn choose(language: Language, ko: String, en: String) -> String {
    match language {
        Language::Ko => ko,
        Language::En => en,
    }
}

fn gigabytes(bytes: u64) -> String {
    format!("{:.1} GB", bytes as f64 / 1e9)
}

/// A host in words.
fn host(name: &str, language: Language) -> &str {
    match (name, language) {
        ("kis_live", Language::Ko) => "한국투자증권 실전 서버",
        ("kis_mock", Language::Ko) => "한국투자증권 모의투자 서버",
        ("kis_masters", Language::Ko) => "한국투자증권 종목 목록 서버",
        ("telegram", Language::Ko) => "텔레그램",
        ("kis_live", Language::En) => "KIS, real money",
        ("kis_mock", Language::En) => "KIS, mock trading",
        ("kis_masters", Language::En) => "KIS, lists of instruments",
        ("telegram", Language::En) => "Telegram",
        (other, _) => other,
    }
}

fn market(market: Market, language: Language) -> &'static str {
    match (market, language) {
        (Market::Us, Language::Ko) => "미국",
        (Market::Krx, Language::Ko) => "한국",
        (Market::Us, Language::En) => "US",
        (Market::Krx, Language::En) => "Korean",
    }
}

/// Minutes, hours or days, whichever a person would say.
fn span(from: Timestamp, to: Timestamp, language: Language) -> String {
    let minutes = to.duration_since(from).as_mins().max(0);
    let (days, hours, minutes) = (minutes / 1_440, minutes / 60 % 24, minutes % 60);
    match (days, hours, language) {
        (0, 0, Language::Ko) => format!("{minutes}분"),
        (0, _, Language::Ko) => format!("{hours}시간 {minutes}분"),
        (_, _, Language::Ko) => format!("{days}일 {hours}시간"),
        (0, 0, Language::En) => format!("{minutes} min"),
        (0, _, Language::En) => format!("{hours} h {minutes} min"),
        (_, _, Language::En) => format!("{days} d {hours} h"),
    }
}

/// What ends, and what to do about it.
fn expiring(what: &Expiring, language: Language) -> (String, &'static str) {
    let (ko, en, ko_remedy, en_remedy) = match what {
        Expiring::BrokerKey { account } => (
            format!("계좌 '{account}'의 증권사 앱 키"),
            format!("The broker key of the account '{account}'"),
            "증권사에서 새 키를 발급받아 계좌 페이지에 입력하세요.",
            "Have a new one issued by the broker and enter it on the account's page.",
        ),
        Expiring::MockTerm { account } => (
            format!("계좌 '{account}'의 모의투자 기간"),
            format!("The mock trading term of the account '{account}'"),
            "증권사에서 모의투자를 다시 신청하세요.",
            "Apply for mock trading again at the broker.",
        ),
        Expiring::Calendar { market: of } => (
            format!("{} 시장의 휴장일 자료", market(*of, Language::Ko)),
            format!("The {} market's calendar", market(*of, Language::En)),
            "새 버전으로 올리거나 calendar-nyse.toml에 새 해를 적으세요.",
            "Install a newer version, or write the coming year into calendar-nyse.toml.",
        ),
        Expiring::Certificate => (
            "이 서버의 TLS 인증서".to_owned(),
            "This server's TLS certificate".to_owned(),
            "인증서 파일을 갱신하세요. 다시 시작하지 않아도 됩니다.",
            "Renew the certificate's files; no restart is needed.",
        ),
        Expiring::PublicCertificate { host } => (
            format!("외부 주소 {host}의 인증서"),
            format!("The certificate at the public address {host}"),
            "DSM 제어판의 보안 > 인증서에서 갱신하세요.",
            "Renew it in DSM under Control Panel, Security, Certificate.",
        ),
    };
    match language {
        Language::Ko => (ko, ko_remedy),
        Language::En => (en, en_remedy),
    }
}

fn ends(what: &Expiring, on: Date, days: i32, language: Language) -> String {
    let (name, remedy) = expiring(what, language);
    let when = match (days, language) {
        (..0, Language::Ko) => format!("{on}에 끝났습니다"),
        (0, Language::Ko) => format!("오늘({on}) 끝납니다"),
        (_, Language::Ko) => format!("{days}일 뒤({on}) 끝납니다"),
        (..0, Language::En) => format!("ended on {on}"),
        (0, Language::En) => format!("ends today ({on})"),
        (1, Language::En) => format!("ends tomorrow ({on})"),
        (_, Language::En) => format!("ends in {days} days ({on})"),
    };
    match language {
        Language::Ko => format!("📅 {name}: {when}. {remedy}"),
        Language::En => format!("📅 {name} {when}. {remedy}"),
    }
}

/// Something calls for the reader.
pub(super) fn raised(alert: &Alert, language: Language) -> String {
    let (ko, en) = match alert {
        Alert::DiskLow { free_bytes } => {
            let free = gigabytes(*free_bytes);
            (
                format!("💾 디스크 공간이 {free}밖에 남지 않았습니다. 비우지 않으면 주문을 기록할 수 없어 매매가 멈춥니다."),
                format!("💾 Only {free} of disk space are left. Without room orders cannot be journalled and trading stops: free some."),
            )
        }
        Alert::BackupOld { last } => (
            match last {
                Some(at) => format!("🗄 마지막 백업이 {} KST입니다. 백업 페이지에서 이유를 확인하세요.", kst(*at)),
                None => "🗄 아직 백업이 없습니다. 백업 폴더를 정하세요.".to_owned(),
            },
            match last {
                Some(at) => format!("🗄 The last backup is of {} KST. The backup page says why.", kst(*at)),
                None => "🗄 There is no backup yet: choose a folder for backups.".to_owned(),
            },
        ),
        Alert::ClockOff { ahead_ms } => {
            let seconds = format!("{:.1}", ahead_ms.unsigned_abs() as f64 / 1_000.0);
            let (ko, en) = if *ahead_ms > 0 { ("빠릅니다", "fast") } else { ("느립니다", "slow") };
            (
                format!("🕰 서버 시계가 증권사보다 약 {seconds}초 {ko}. DSM의 NTP 시간 동기화를 켜 주세요."),
                format!("🕰 The server's clock is about {seconds} s {en} by what brokers say: turn on NTP in DSM's regional options."),
            )
        }
        Alert::SlotsLost { session, slots } => (
            format!("⏰ {session} 세션에서 예정된 작업 {slots}건을 제때 실행하지 못했습니다. 계좌 주인에게 알렸습니다."),
            format!("⏰ In the session of {session}, {slots} planned jobs did not run in time. The accounts' owners were told."),
        ),
        Alert::HostDown { host: name, since } => (
            format!("🔌 {}에 {} KST부터 연결되지 않습니다.", host(name, Language::Ko), kst(*since)),
            format!("🔌 {} has been out of reach since {} KST.", host(name, Language::En), kst(*since)),
        ),
        Alert::SchedulerSilent { since } => (
            format!("🛑 {} KST부터 매매 일정이 실행되지 않습니다. 서버를 다시 시작하고 로그를 확인하세요.", kst(*since)),
            format!(
                "🛑 The scheduler has not run since {} KST, so nothing is traded: restart the server and look into its log.",
                kst(*since)
            ),
        ),
        Alert::PingFails { since } => (
            format!("📡 {} KST부터 생존 신호를 보내지 못하고 있습니다. 시스템 페이지에서 주소를 확인하세요.", kst(*since)),
            format!("📡 The sign of life has not got through since {} KST: check its address on the system page.", kst(*since)),
        ),
        Alert::PeerSilent { since } => (
            format!("👥 다른 EggMoney 서버가 {} KST부터 응답하지 않습니다. 그 서버가 켜져 있는지 확인하세요.", kst(*since)),
            format!("👥 The other EggMoney server has not answered since {} KST: check whether it runs.", kst(*since)),
        ),
        Alert::Expires { expiring, on, days } => return ends(expiring, *on, *days, language),
    };
    choose(language, ko, en)
}

/// What called for the reader is over.
pub(super) fn ended(alert: &Alert, since: Timestamp, language: Language) -> String {
    let since = kst(since);
    let (ko, en) = match alert {
        Alert::DiskLow { .. } => ("디스크 공간이 다시 넉넉합니다".to_owned(), "There is enough disk space again".to_owned()),
        Alert::BackupOld { .. } => ("백업이 다시 만들어졌습니다".to_owned(), "A backup was made again".to_owned()),
        Alert::ClockOff { .. } => ("서버 시계가 다시 맞습니다".to_owned(), "The server's clock is right again".to_owned()),
        Alert::HostDown { host: name, .. } => {
            (format!("{}에 다시 연결됩니다", host(name, Language::Ko)), format!("{} answers again", host(name, Language::En)))
        }
        Alert::SchedulerSilent { .. } => ("매매 일정이 다시 실행됩니다".to_owned(), "The scheduler runs again".to_owned()),
        Alert::PingFails { .. } => ("생존 신호가 다시 전달됩니다".to_owned(), "The sign of life gets through again".to_owned()),
        Alert::PeerSilent { .. } => {
            ("다른 EggMoney 서버가 다시 응답합니다".to_owned(), "The other EggMoney server answers again".to_owned())
        }
        // Their ends are not told; a later version may.
        Alert::SlotsLost { .. } | Alert::Expires { .. } => ("해결되었습니다".to_owned(), "It is settled".to_owned()),
    };
    choose(language, format!("✅ {ko} ({since} KST에 알린 문제)"), format!("✅ {en} (told at {since} KST)"))
}

/// The first message after a start.
pub(super) fn started(since: Timestamp, until: Timestamp, clean: bool, lost: &[LostSlots], language: Language) -> String {
    let (off, at) = (span(since, until, language), kst(since));
    let list = |language| {
        let item = |l: &LostSlots| match (l.slots, language) {
            (1, _) => format!("{} {}", l.session, job(&l.job, language)),
            (n, Language::Ko) => format!("{} {} {n}건", l.session, job(&l.job, language)),
            (n, Language::En) => format!("{} {} ({n})", l.session, job(&l.job, language)),
        };
        lost.iter().map(item).collect::<Vec<_>>().join(", ")
    };
    let ko = || {
        let how = if clean { "" } else { " 마지막 종료는 정상이 아니었습니다." };
        let what = match lost {
            [] => "놓친 작업은 없습니다.".to_owned(),
            _ => format!("놓친 작업: {}. 계좌 주인에게 알렸습니다.", list(Language::Ko)),
        };
        format!("🔄 서버가 다시 시작되었습니다. {at} KST부터 {off} 동안 꺼져 있었습니다.{how} {what}")
    };
    let en = || {
        let how = if clean { "" } else { " It had not been stopped in order." };
        let what = match lost {
            [] => "Nothing was missed.".to_owned(),
            _ => format!("Missed: {}. The accounts' owners were told.", list(Language::En)),
        };
        format!("🔄 The server runs again. It was off for {off}, since {at} KST.{how} {what}")
    };
    match language {
        Language::Ko => ko(),
        Language::En => en(),
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::domain::watch::Sighting;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// One of every kind.
    fn samples() -> Vec<Alert> {
        let (since, account) = (at("2026-11-22T03:00:00Z"), "ISA".to_owned());
        let on = date(2026, 12, 22);
        let expires = |expiring, days| Alert::Expires { expiring, on, days };
        vec![
            Alert::DiskLow { free_bytes: 734_000_000 },
            Alert::BackupOld { last: None },
            Alert::BackupOld { last: Some(since) },
            Alert::ClockOff { ahead_ms: -2_640 },
            Alert::SlotsLost { session: on, slots: 4 },
            Alert::HostDown { host: "kis_live".to_owned(), since },
            Alert::SchedulerSilent { since },
            Alert::PingFails { since },
            Alert::PeerSilent { since },
            expires(Expiring::BrokerKey { account: account.clone() }, 30),
            expires(Expiring::MockTerm { account }, 7),
            expires(Expiring::Calendar { market: Market::Us }, 1),
            expires(Expiring::Certificate, 0),
            expires(Expiring::PublicCertificate { host: "nas.example".to_owned() }, -1),
        ]
    }

    #[test]
    fn every_alert_has_words_of_its_own_in_both_languages() {
        let mut all = Vec::new();
        for alert in samples() {
            let since = at("2026-11-22T03:00:00Z");
            let ko = [raised(&alert, Language::Ko), ended(&alert, since, Language::Ko)];
            let en = [raised(&alert, Language::En), ended(&alert, since, Language::En)];
            assert!(ko.iter().all(|text| text.chars().any(|c| ('가'..='힣').contains(&c))), "{ko:?}");
            assert!(en.iter().all(|text| !text.chars().any(|c| ('가'..='힣').contains(&c))), "{en:?}");
            all.extend([ko[0].clone(), en[0].clone()]);
        }
        let words: std::collections::BTreeSet<&String> = all.iter().collect();
        assert_eq!(words.len(), all.len());
    }

    #[test]
    fn what_matters_is_in_the_words() {
        let told: Vec<String> = samples().iter().map(|alert| raised(alert, Language::En)).collect();
        assert!(told[0].contains("0.7 GB"), "{}", told[0]);
        assert!(told[3].contains("2.6 s slow"), "{}", told[3]);
        assert!(told[5].contains("KIS, real money") && told[5].contains("11-22 12:00 KST"), "{}", told[5]);
        assert!(told[9].contains("'ISA' ends in 30 days (2026-12-22)"), "{}", told[9]);
        assert!(told[11].contains("ends tomorrow") && told[12].contains("ends today") && told[13].contains("ended on"));
        let soon = Sighting::expiry(Expiring::Certificate, date(2026, 12, 1), date(2026, 11, 24)).unwrap();
        assert!(raised(&soon.alert, Language::Ko).contains("7일 뒤(2026-12-01) 끝납니다"));
    }

    #[test]
    fn a_start_says_how_long_and_what_was_lost() {
        let (since, until) = (at("2026-11-20T15:00:00Z"), at("2026-11-20T17:05:00Z"));
        let lost = |job: &str, slots| LostSlots { session: date(2026, 11, 20), job: job.to_owned(), slots };
        assert_eq!(
            started(since, until, true, &[], Language::En),
            "🔄 The server runs again. It was off for 2 h 5 min, since 11-21 00:00 KST. Nothing was missed."
        );
        let text = started(since, until, false, &[lost("decision", 1), lost("slice", 3)], Language::Ko);
        assert!(text.contains("2시간 5분 동안") && text.contains("정상이 아니었습니다"), "{text}");
        assert!(text.contains("2026-11-20 매매 판단, 2026-11-20 분할 주문 3건"), "{text}");
        assert_eq!(span(since, since, Language::En), "0 min");
        assert_eq!(span(since, at("2026-11-23T16:00:00Z"), Language::Ko), "3일 1시간");
    }
}
