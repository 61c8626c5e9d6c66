//! Which proxy for which address: given, or from the environment.

use super::address::Proxy;
use super::no_proxy::NoProxy;
use crate::handshake::Uri;
use crate::net::proxy_error::{ProxyError, ProxyUriError};

/// Which forward proxy a client uses for which address.
///
/// ```
/// use bowstring::{handshake::Uri, net::Proxies};
///
/// let proxies = Proxies::all("http://proxy.example:3128".parse()?).except(".internal, 10.0.0.0/8");
/// let chat: Uri = "wss://chat.example/".parse()?;
/// assert_eq!(proxies.for_uri(&chat)?.map(|proxy| proxy.host()), Some("proxy.example"));
/// let near: Uri = "ws://10.1.2.3/".parse()?;
/// assert_eq!(proxies.for_uri(&near)?, None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Proxies {
    plain: Choice,
    secure: Choice,
    except: NoProxy,
}

#[derive(Debug, Clone, Default)]
enum Choice {
    #[default]
    Direct,
    Through(Box<Proxy>),
    /// A variable whose value is no address. It is an error once it is needed: to go past a proxy in silence
    /// could tell the network what the user meant to hide.
    Malformed(&'static str, ProxyUriError),
}

impl Proxies {
    /// No proxy for any address.
    pub fn none() -> Self {
        Self::default()
    }

    /// This proxy for all addresses.
    pub fn all(proxy: Proxy) -> Self {
        Self::none().plain(proxy.clone()).secure(proxy)
    }

    /// This proxy for `ws://` addresses.
    pub fn plain(mut self, proxy: Proxy) -> Self {
        self.plain = Choice::Through(proxy.into());
        self
    }

    /// This proxy for `wss://` addresses.
    pub fn secure(mut self, proxy: Proxy) -> Self {
        self.secure = Choice::Through(proxy.into());
        self
    }

    /// No proxy for these hosts, instead of those that were listed before. Commas or white space separate them:
    ///
    /// | entry | hosts |
    /// |---|---|
    /// | `example.com`, `.example.com`, `*.example.com` | `example.com` and all names below it |
    /// | `10.1.2.3`, `::1`, `[::1]` | this address |
    /// | `10.0.0.0/8`, `fd00::/8` | the addresses of this network |
    /// | any of these with `:8080` after it | the same, at this port alone; IPv6 in brackets |
    /// | `*` | all |
    ///
    /// Names are compared without regard to case. Addresses are compared if the URI has an address; names are not
    /// resolved for it. An entry of another form is passed over.
    pub fn except(mut self, list: &str) -> Self {
        self.except = NoProxy::parse(list);
        self
    }

    /// What the variables of this process's environment say: see [`from_variables`](Self::from_variables).
    ///
    /// They are read now. A value that is not Unicode counts as malformed.
    pub fn from_environment() -> Self {
        // A list, because Windows does not tell `HTTP_PROXY` from `http_proxy` if it is asked for one of them.
        let variables: Vec<_> = std::env::vars_os().collect();
        Self::from_variables(|name| {
            let (_, value) = variables.iter().find(|(one, _)| one == name)?;
            // No address begins with this.
            Some(value.clone().into_string().unwrap_or_else(|_| "%".to_owned()))
        })
    }

    /// What these variables say. The function gives the value of one.
    ///
    /// | address | the first of these that is set |
    /// |---|---|
    /// | `wss://` | `wss_proxy`, `https_proxy`, `all_proxy` |
    /// | `ws://` | `ws_proxy`, `http_proxy`, `all_proxy` |
    ///
    /// - `no_proxy` lists the hosts that are connected to directly: see [`except`](Self::except).
    /// - Each may be in upper case instead. If both are set, lower case counts, as with curl.
    /// - An empty one counts as not set.
    /// - `HTTP_PROXY` does not count where `REQUEST_METHOD` is set: in CGI it is a header field of the client.
    /// - A value that is no address is an error of [`for_uri`](Self::for_uri), for the addresses that need it.
    ///
    /// ```
    /// use bowstring::net::Proxies;
    ///
    /// let proxies = Proxies::from_variables(|name| match name {
    ///     "HTTPS_PROXY" => Some("http://proxy.example:3128".to_owned()),
    ///     _ => None,
    /// });
    /// let proxy = proxies.for_uri(&"wss://chat.example/".parse()?)?;
    /// assert_eq!(proxy.map(|proxy| proxy.port()), Some(3128));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_variables(value: impl Fn(&str) -> Option<String>) -> Self {
        let value = |name: &str| {
            value(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
        };
        let is_cgi = value("REQUEST_METHOD").is_some();
        let choice = |names: &[&'static str]| {
            let usable = names.iter().filter(|&&name| !(is_cgi && name == "HTTP_PROXY"));
            let mut set = usable.filter_map(|&name| Some((name, value(name)?)));
            match set.next().map(|(name, text)| (name, text.parse::<Proxy>())) {
                None => Choice::Direct,
                Some((_, Ok(proxy))) => Choice::Through(proxy.into()),
                Some((name, Err(error))) => Choice::Malformed(name, error),
            }
        };
        let except = value("no_proxy").or_else(|| value("NO_PROXY")).unwrap_or_default();
        Self { plain: choice(&PLAIN), secure: choice(&SECURE), except: NoProxy::parse(&except) }
    }

    /// The proxy for an address. `None` means to connect directly.
    ///
    /// # Errors
    ///
    /// [`Variable`](ProxyError::Variable), if the environment names a proxy for it whose address is malformed.
    pub fn for_uri(&self, uri: &Uri) -> Result<Option<&Proxy>, ProxyError> {
        if self.except.contains(uri.host(), uri.port()) {
            return Ok(None);
        }
        match if uri.secure() { &self.secure } else { &self.plain } {
            Choice::Direct => Ok(None),
            Choice::Through(proxy) => Ok(Some(proxy)),
            Choice::Malformed(name, error) => Err(ProxyError::Variable(name, *error)),
        }
    }
}

impl From<Proxy> for Proxies {
    fn from(proxy: Proxy) -> Self {
        Self::all(proxy)
    }
}

const PLAIN: [&str; 6] =
    ["ws_proxy", "WS_PROXY", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"];

const SECURE: [&str; 6] =
    ["wss_proxy", "WSS_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];
