//! Read models over an account's books: totals, profits, indicators. Everything here is computed
//! from values; what is not known stays unknown and never becomes 0.

mod books;
mod history;
mod indicators;
mod summary;

pub use books::{PortfolioBooks, Positions};
pub use history::{Filter, HistoryPage, MonthFigures, ProfitSummary, Totals, TradeSide, YearFigures, history_page, profit_summary};
pub use indicators::{Indicators, Rsi, indicators};
pub use summary::{Alert, AlertCode, BotFigures, Cash, MarketPrices, Price, Rate, Summary, summary};
