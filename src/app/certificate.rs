//! Until when a certificate counts.

use std::path::Path;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

/// The last whole day (UTC) of a certificate in DER; `None` when it is none.
pub fn last_day(der: &[u8]) -> Option<Date> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let end = Timestamp::from_second(certificate.validity().not_after.timestamp()).ok()?;
    Some(end.to_zoned(TimeZone::UTC).date())
}

/// The same of the first certificate in a PEM file.
///
/// # Errors
/// What is wrong with the file, in a sentence.
pub fn last_day_of_file(path: &Path) -> Result<Date, String> {
    let certificate = CertificateDer::from_pem_file(path).map_err(|e| format!("cannot read the certificate {}: {e}", path.display()))?;
    last_day(&certificate).ok_or_else(|| format!("{} holds no certificate that can be read", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_day_is_read_and_nonsense_is_not() {
        let mut params = rcgen::CertificateParams::new(vec!["nas.example".to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(2027, 3, 1);
        let made = params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap();
        assert_eq!(last_day(made.der()), Some(jiff::civil::date(2027, 3, 1)));
        assert_eq!(last_day(b"no certificate"), None);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cert.pem");
        fs_err::write(&path, made.pem()).unwrap();
        assert_eq!(last_day_of_file(&path), Ok(jiff::civil::date(2027, 3, 1)));
        fs_err::write(&path, "nothing").unwrap();
        assert!(last_day_of_file(&path).unwrap_err().contains("cert.pem"));
    }
}
