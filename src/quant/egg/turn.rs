//! Whose turn it is: every job goes through the active bots in their order, a slice through the sheets
//! of those bots. A bot that is switched off keeps its sheet and what the sheet has filled, but gets no
//! further slice; neither does a sheet whose bot is gone, since nobody could book its fills.

use crate::domain::bot::{Bot, Sheet};

/// The bots that decide and buy at the close, in their order.
pub fn bots(all: &[Bot]) -> Vec<&Bot> {
    let mut active: Vec<&Bot> = all.iter().filter(|bot| bot.active).collect();
    active.sort_by_key(|bot| bot.position);
    active
}

/// The sheets that get a slice, in the order of their bots.
pub fn sheets<'a>(all: &[Bot], sheets: &'a [Sheet]) -> Vec<&'a Sheet> {
    bots(all).into_iter().filter_map(|bot| sheets.iter().find(|sheet| sheet.bot_id == Some(bot.id))).collect()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::super::samples::{bot, sheet_of};
    use super::*;
    use crate::domain::bot::TradeKind;
    use crate::domain::id::BotId;

    #[test]
    fn only_active_bots_take_part_and_in_their_order() {
        let made = |n: u32, active| Bot { id: BotId(Uuid::from_u128(n.into())), position: n, active, name: n.to_string(), ..bot() };
        let all = [made(3, true), made(1, true), made(2, false)];
        let names = |bots: Vec<&Bot>| bots.iter().map(|b| b.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(bots(&all)), ["1", "3"]);
        let orphan = Sheet { bot_id: None, ..sheet_of(&all[0], TradeKind::Buy, 1.0, 5) };
        let open = [orphan, sheet_of(&all[0], TradeKind::Buy, 1.0, 5), sheet_of(&all[2], TradeKind::Buy, 1.0, 5)];
        assert_eq!(sheets(&all, &open).iter().map(|s| s.bot_id).collect::<Vec<_>>(), [Some(all[0].id)]);
        let gone = sheet_of(&made(4, true), TradeKind::Sell, 1.0, 5);
        assert!(sheets(&all, &[gone]).is_empty());
    }
}
