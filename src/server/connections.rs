//! A list of connections for code that has none of them in hand: to find one, send to it, or close it.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::connection::ServerReader;
use super::listener::Peer;
use crate::net::{Transport, Writer};

/// A list of open connections, each with data of yours; clones are the same list.
///
/// A handler puts its connection in with [`add`](Self::add). Then any task can list the connections, find one by its
/// data, send to it, and close it. A connection that is in no list costs nothing.
///
/// ```
/// use bowstring::Error;
/// use bowstring::server::{Connections, ServerConnection, ServerHandle};
///
/// struct User {
///     name: String,
///     path: String,
/// }
///
/// /// The hook has said who it is.
/// async fn serve(ws: ServerConnection<User>, users: Connections<User>) -> Result<(), Error> {
///     let (mut reader, writer, user) = ws.split();
///     let _listed = users.add(&reader, &writer, user);
///     while let Some(message) = reader.recv().await? {
///         writer.send(message).await?;
///     }
///     Ok(())
/// }
///
/// /// Somewhere else, with the server's handle.
/// async fn tell(server: &ServerHandle, name: &str, news: &str) -> Result<bool, Error> {
///     let Some(user) = server.connections::<User>().find(|user| user.name == name) else {
///         return Ok(false);
///     };
///     user.send(news).await?;
///     Ok(true)
/// }
///
/// fn show(users: &Connections<User>) {
///     for user in users.list() {
///         println!("{} {} {} {}", user.id(), user.peer(), user.data().path, user.data().name);
///     }
/// }
///
/// async fn kick(users: &Connections<User>, id: u64) -> Result<(), Error> {
///     match users.get(id) {
///         Some(user) => user.close(1008, "you were asked to leave").await,
///         None => Ok(()),
///     }
/// }
/// ```
///
/// [`ServerHandle::connections`](super::ServerHandle::connections) gives one list for each type of data. To send one
/// message to many, use a [`Topic`](super::Topic): it frames the message once.
///
/// None of your code runs while the list is locked, and messages take no lock of it.
pub struct Connections<D = ()>(Arc<Mutex<Table<D>>>);

/// A place in [`Connections`]; dropping it takes the connection out of the list.
#[must_use = "dropping it takes the connection out of the list"]
pub struct Listing<D = ()> {
    list: Connections<D>,
    key: Key,
    entry: Arc<Entry<D>>,
}

/// A connection of a list of [`Connections`]. It has all methods of [`Writer`]: to send, to close, to see how much
/// waits.
///
/// It does not keep the connection open. When that has ended, sending gives
/// [`Error::Closed`](crate::Error::Closed), and the data can still be read.
pub struct ListedConnection<D = ()> {
    entry: Arc<Entry<D>>,
    writer: Writer<Transport>,
}

struct Table<D> {
    /// In the order they came. Connections of different servers may have the same number.
    entries: BTreeMap<Key, Arc<Entry<D>>>,
    next: u64,
}

/// The number of the connection, and of the entry.
type Key = (u64, u64);

struct Entry<D> {
    id: u64,
    peer: Peer,
    data: D,
    /// Only to be cloned: a message in parts belongs to one writer.
    writer: Writer<Transport>,
}

impl<D> Connections<D> {
    /// An empty list of its own. The list that all who have a server's handle share is
    /// [`ServerHandle::connections`](super::ServerHandle::connections).
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(Table { entries: BTreeMap::new(), next: 0 })))
    }

    /// Puts a connection into the list, with data of yours. It is there until the [`Listing`] is dropped: keep that
    /// in the handler, as long as the reader.
    pub fn add(&self, reader: &ServerReader, writer: &Writer<Transport>, data: D) -> Listing<D> {
        let (id, writer) = (reader.id(), writer.clone());
        let entry = Arc::new(Entry { id, peer: reader.peer(), data, writer });
        let mut table = self.lock();
        let key = (id, table.next);
        table.next += 1;
        table.entries.insert(key, Arc::clone(&entry));
        drop(table);
        Listing { list: self.clone(), key, entry }
    }

    /// All connections, in the order the server has accepted them.
    pub fn list(&self) -> Vec<ListedConnection<D>> {
        self.entries().into_iter().map(Into::into).collect()
    }

    /// The connection with this [number](super::ServerConnection::id).
    pub fn get(&self, id: u64) -> Option<ListedConnection<D>> {
        let entry = self.lock().entries.range((id, 0)..=(id, u64::MAX)).next()?.1.clone();
        Some(entry.into())
    }

    /// The first connection whose data is what you look for.
    ///
    /// It looks at one after the other. A program that searches often among very many keeps their numbers in a map of
    /// its own, and asks [`get`](Self::get).
    pub fn find(&self, mut is_wanted: impl FnMut(&D) -> bool) -> Option<ListedConnection<D>> {
        let found = self.entries().into_iter().find(|entry| is_wanted(&entry.data));
        found.map(Into::into)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.lock().entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What is looked at outside of the lock.
    fn entries(&self) -> Vec<Arc<Entry<D>>> {
        self.lock().entries.values().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Table<D>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<D> Listing<D> {
    /// The data of the connection.
    pub fn data(&self) -> &D {
        &self.entry.data
    }
}

impl<D> Drop for Listing<D> {
    fn drop(&mut self) {
        let entry = self.list.lock().entries.remove(&self.key);
        // What its data does when it is dropped is no business of the lock's.
        drop(entry);
    }
}

impl<D> ListedConnection<D> {
    /// Its number: see [`ServerConnection::id`](super::ServerConnection::id).
    pub fn id(&self) -> u64 {
        self.entry.id
    }

    /// The address of its peer.
    pub fn peer(&self) -> Peer {
        self.entry.peer
    }

    /// Its data.
    pub fn data(&self) -> &D {
        &self.entry.data
    }
}

impl<D> Deref for ListedConnection<D> {
    type Target = Writer<Transport>;

    fn deref(&self) -> &Writer<Transport> {
        &self.writer
    }
}

impl<D> From<Arc<Entry<D>>> for ListedConnection<D> {
    fn from(entry: Arc<Entry<D>>) -> Self {
        let writer = entry.writer.clone();
        Self { entry, writer }
    }
}

impl<D> Clone for Connections<D> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<D> Default for Connections<D> {
    fn default() -> Self {
        Self::new()
    }
}

impl<D> Clone for ListedConnection<D> {
    fn clone(&self) -> Self {
        Arc::clone(&self.entry).into()
    }
}

impl<D> fmt::Debug for Connections<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connections").field("len", &self.len()).finish_non_exhaustive()
    }
}

impl<D: fmt::Debug> fmt::Debug for Listing<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.entry.fmt_as(f, "Listing")
    }
}

impl<D: fmt::Debug> fmt::Debug for ListedConnection<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.entry.fmt_as(f, "ListedConnection")
    }
}

impl<D: fmt::Debug> Entry<D> {
    fn fmt_as(&self, f: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
        let Self { id, peer, data, .. } = self;
        let mut shown = f.debug_struct(name);
        shown.field("id", id).field("peer", peer).field("data", data).finish_non_exhaustive()
    }
}
