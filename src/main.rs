use std::process::ExitCode;

fn main() -> ExitCode {
    eggmoney::ops::cli::run()
}
