//! One integration-test binary: linking is what costs time.

mod architecture;
mod auth;
mod bad_input;
mod bad_start;
mod broker_key;
mod cli;
mod crash;
mod desk;
mod full_disk;
mod golden;
mod http_foundation;
mod import;
mod kill_loop;
mod kis_client;
mod kis_feed;
mod korean;
mod night;
mod no_live;
mod openapi;
mod private_files;
mod scripts;
mod simulated_broker;
mod support;
mod telegram;
mod tenancy;
mod tickets;
