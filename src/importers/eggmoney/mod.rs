//! Old EggMoney accounts: the database, the settings and the environment file of one server become
//! one account of one user.

mod cycles;
mod ids;
mod rows;
mod source;
mod value;
