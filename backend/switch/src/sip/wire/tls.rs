//! TLS material: our certificate for listeners, trust for trunks. The crypto provider is the process's.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::super::message::split_host;
use crate::config::{Listen, TrunkConfig};
use crate::error::SwitchError;

fn provider() -> Result<Arc<CryptoProvider>, SwitchError> {
    let missing = || SwitchError::Tls("the process has installed no crypto provider".to_owned());
    CryptoProvider::get_default().cloned().ok_or_else(missing)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, SwitchError> {
    let fail = |e: &dyn std::fmt::Display| SwitchError::Tls(format!("{}: {e}", path.display()));
    let list: Vec<_> = CertificateDer::pem_file_iter(path)
        .map_err(|e| fail(&e))?
        .collect::<Result<_, _>>()
        .map_err(|e| fail(&e))?;
    if list.is_empty() { Err(fail(&"holds no certificate")) } else { Ok(list) }
}

/// For a listener, from its files.
pub(crate) fn acceptor(listen: &Listen) -> Result<TlsAcceptor, SwitchError> {
    let (Some(cert), Some(key)) = (&listen.tls_cert, &listen.tls_key) else {
        return Err(SwitchError::Config("listen".into(), "a TLS listener needs tls_cert and tls_key".into()));
    };
    let chain = certificates(cert)?;
    let key =
        PrivateKeyDer::from_pem_file(key).map_err(|e| SwitchError::Tls(format!("{}: {e}", key.display())))?;
    let fail = |e: rustls::Error| SwitchError::Tls(e.to_string());
    let config = ServerConfig::builder_with_provider(provider()?)
        .with_safe_default_protocol_versions()
        .map_err(fail)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(fail)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// For a trunk: whom to trust, and the name that the certificate must bear.
pub(crate) fn connector(
    trunk: &TrunkConfig,
    peer: &str,
) -> Result<(TlsConnector, ServerName<'static>), SwitchError> {
    let mut roots = RootCertStore::empty();
    match &trunk.tls_ca {
        Some(path) => {
            for cert in certificates(path)? {
                roots.add(cert).map_err(|e| SwitchError::Tls(e.to_string()))?;
            }
        }
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
    }
    let config = ClientConfig::builder_with_provider(provider()?)
        .with_safe_default_protocol_versions()
        .map_err(|e| SwitchError::Tls(e.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let host = split_host(peer).map_or(peer, |(host, _)| host);
    let name = trunk.tls_name.as_deref().unwrap_or(host).to_owned();
    let server = ServerName::try_from(name.clone())
        .map_err(|_| SwitchError::Tls(format!("{name:?} is no server name")))?;
    Ok((TlsConnector::from(Arc::new(config)), server))
}
