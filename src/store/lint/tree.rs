//! A tree as it was seen: a row for each file, the folders that were listed, all else that the listing hung on; and of each
//! rule a mark for each row.
//!
//! Looks at nothing, and does not know what a rule is.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize, Serializer};

use crate::base::digest::Digest;
use crate::system::{Kind, Stat};

/// In place of a ctime: to be looked at whatever its stat says.
pub const UNKNOWN: i64 = i64::MIN;

/// A file that no pattern of the rule names.
pub const NOT_NAMED: u8 = 0;
/// A file that the rule finds no fault with, as it is.
pub const CLEAN: u8 = 1;
/// A file of which only its key can tell.
pub const OPEN: u8 = 2;

/// Columns that are kept.
pub const COLUMNS_MAX: usize = 128;

/// A tree.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Tree {
    /// Paths of the rows, each ended by a zero byte.
    paths: Vec<u8>,
    /// By path.
    pub rows: Vec<Row>,
    /// Places of rows, folder by folder.
    pub order: Vec<u32>,
    /// In any order.
    pub folders: Vec<Folder>,
    /// What else the listing hung on: rules that say what is ignored, links, what was not there.
    pub others: Vec<Other>,
    /// What says which files are tracked.
    pub index: Option<Index>,
    /// Tracked paths that no rule can name.
    pub nameless: u64,
}

/// A file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// Where its path begins.
    pub path: u32,
    /// As it was when it was read; [`UNKNOWN`] in place of its ctime where that cannot vouch for it.
    pub stat: Stat,
    /// Of its content.
    pub digest: Digest,
}

/// A folder that holds files, or was listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// Below the root; empty: the root.
    pub path: PathBuf,
    /// From before it was listed; `None`: it was not.
    pub stat: Option<Stat>,
    /// Of the names and kinds in it; `None`: it is not certain that they are those that were listed.
    pub listing: Option<Digest>,
    /// Where its rows begin in the order.
    pub first: u32,
    /// How many they are.
    pub count: u32,
}

/// A path that is no row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Other {
    /// The whole path.
    pub path: PathBuf,
    /// `None`: nothing is there.
    pub itself: Option<Stat>,
    /// Where it is a link: what it leads to.
    pub behind: Option<Stat>,
    /// Any change gives it another stat.
    pub trusted: bool,
}

/// An index of git.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    /// The whole path.
    pub path: PathBuf,
    /// `None`: it was not there, or cannot vouch for what is tracked.
    pub stat: Option<Stat>,
    /// Of all that is tracked.
    pub tracked: Digest,
}

/// What one rule thought of the rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Of the rule and its program.
    pub key: Digest,
    /// Of the names that it looks over.
    pub names: Digest,
    /// Its configuration: paths that no listed folder vouches for, and their states.
    pub configuration: Vec<(String, Digest)>,
    /// A mark for each row: [`NOT_NAMED`], [`CLEAN`] or [`OPEN`].
    pub marks: Vec<u8>,
}

impl Column {
    /// Whether two say something of the same files for the same rule and configuration.
    pub fn is_like(&self, other: &Self) -> bool {
        (self.key, self.names, &self.configuration, self.marks.len())
            == (other.key, other.names, &other.configuration, other.marks.len())
    }
}

impl Tree {
    /// Adds a row; they come sorted by path.
    pub fn push(&mut self, path: &str, stat: Stat, digest: Digest) {
        let at = u32::try_from(self.paths.len()).expect("BUG: paths have no four billion bytes");
        self.paths.extend_from_slice(path.as_bytes());
        self.paths.push(0);
        self.rows.push(Row { path: at, stat, digest });
    }

    /// The path of a row, with its zero byte.
    pub fn path_bytes(&self, place: usize) -> &[u8] {
        let from = self.rows[place].path as usize;
        let to = self.rows.get(place + 1).map_or(self.paths.len(), |next| next.path as usize);
        &self.paths[from..to]
    }

    /// The path of a row.
    pub fn path(&self, place: usize) -> &str {
        let bytes = self.path_bytes(place);
        std::str::from_utf8(&bytes[..bytes.len() - 1]).expect("BUG: paths of rows are UTF-8")
    }
}

impl Row {
    /// Bytes of a row.
    pub const BYTES: usize = 4 + STAT_BYTES + 32;

    /// As it is written.
    pub fn bytes(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..4].copy_from_slice(&self.path.to_le_bytes());
        bytes[4..4 + STAT_BYTES].copy_from_slice(&stat_bytes(&self.stat));
        bytes[4 + STAT_BYTES..].copy_from_slice(&self.digest.0);
        bytes
    }

    /// As it was written.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let path = u32::from_le_bytes(bytes.get(..4)?.try_into().ok()?);
        let stat = read_stat(bytes.get(4..4 + STAT_BYTES)?)?;
        let digest = Digest(bytes.get(4 + STAT_BYTES..Self::BYTES)?.try_into().ok()?);
        Some(Self { path, stat, digest })
    }
}

const STAT_BYTES: usize = 5 * 8 + 4;

pub(super) fn stat_bytes(stat: &Stat) -> [u8; STAT_BYTES] {
    let kind = match stat.kind {
        Kind::File => 0,
        Kind::Folder => 1,
        Kind::Link => 2,
        Kind::Other => 3,
    };
    let mut bytes = [0; STAT_BYTES];
    let numbers = [stat.size, stat.inode, stat.device, stat.mtime_ns.cast_unsigned(), stat.ctime_ns.cast_unsigned()];
    for (place, number) in bytes.chunks_exact_mut(8).zip(numbers) {
        place.copy_from_slice(&number.to_le_bytes());
    }
    bytes[40..].copy_from_slice(&(stat.mode | kind << 16).to_le_bytes());
    bytes
}

pub(super) fn read_stat(bytes: &[u8]) -> Option<Stat> {
    let bytes: &[u8; STAT_BYTES] = bytes.try_into().ok()?;
    let number = |place: usize| {
        let number = bytes[8 * place..8 * place + 8].try_into().expect("BUG: eight bytes are eight bytes");
        u64::from_le_bytes(number)
    };
    let last = u32::from_le_bytes(bytes[40..].try_into().expect("BUG: four bytes are four bytes"));
    let kind = match last >> 16 {
        0 => Kind::File,
        1 => Kind::Folder,
        2 => Kind::Link,
        _ => Kind::Other,
    };
    let (mtime_ns, ctime_ns) = (number(3).cast_signed(), number(4).cast_signed());
    Some(Stat { kind, size: number(0), inode: number(1), device: number(2), mtime_ns, ctime_ns, mode: last & 0xffff })
}

/// Bytes that are taken over as a whole; one by one they take longer than all else.
#[derive(Clone, Copy, Deserialize)]
pub(super) struct Bytes<'b>(pub(super) &'b [u8]);

impl Serialize for Bytes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

impl Bytes<'_> {
    pub(super) fn digest(&self) -> Option<Digest> {
        self.0.try_into().ok().map(Digest)
    }

    fn path(&self) -> PathBuf {
        PathBuf::from(OsStr::from_bytes(self.0))
    }
}

#[derive(Serialize, Deserialize)]
struct Layout<'b> {
    #[serde(borrow)]
    tree: Option<TreeLayout<'b>>,
    #[serde(borrow)]
    columns: Vec<ColumnLayout<'b>>,
}

#[derive(Serialize, Deserialize)]
struct TreeLayout<'b> {
    #[serde(borrow)]
    paths: Bytes<'b>,
    #[serde(borrow)]
    rows: Bytes<'b>,
    #[serde(borrow)]
    order: Bytes<'b>,
    #[serde(borrow)]
    folders: Vec<FolderLayout<'b>>,
    #[serde(borrow)]
    others: Vec<OtherLayout<'b>>,
    #[serde(borrow)]
    index: Option<(Bytes<'b>, Bytes<'b>, Bytes<'b>)>,
    nameless: u64,
}

/// Of what is `None` there are no bytes.
#[derive(Serialize, Deserialize)]
struct FolderLayout<'b> {
    #[serde(borrow)]
    path: Bytes<'b>,
    #[serde(borrow)]
    stat: Bytes<'b>,
    #[serde(borrow)]
    listing: Bytes<'b>,
    first: u32,
    count: u32,
}

#[derive(Serialize, Deserialize)]
struct OtherLayout<'b> {
    #[serde(borrow)]
    path: Bytes<'b>,
    #[serde(borrow)]
    itself: Bytes<'b>,
    #[serde(borrow)]
    behind: Bytes<'b>,
    trusted: bool,
}

#[derive(Serialize, Deserialize)]
struct ColumnLayout<'b> {
    #[serde(borrow)]
    key: Bytes<'b>,
    #[serde(borrow)]
    names: Bytes<'b>,
    #[serde(borrow)]
    configuration: Vec<(&'b str, Bytes<'b>)>,
    #[serde(borrow)]
    marks: Bytes<'b>,
}

/// Reads what [`encode`] wrote; `None` where it is anything else.
pub(super) fn decode(body: &[u8]) -> Option<(Option<Tree>, Vec<Column>)> {
    let layout: Layout<'_> = postcard::from_bytes(body).ok()?;
    let tree = match &layout.tree {
        Some(tree) => Some(read_tree(tree)?),
        None => None,
    };
    let column = |column: &ColumnLayout<'_>| {
        let configuration = column.configuration.iter();
        Some(Column {
            key: column.key.digest()?,
            names: column.names.digest()?,
            configuration: configuration
                .map(|(path, state)| Some(((*path).to_owned(), state.digest()?)))
                .collect::<Option<_>>()?,
            marks: column.marks.0.to_vec(),
        })
    };
    Some((tree, layout.columns.iter().map(column).collect::<Option<_>>()?))
}

fn read_tree(layout: &TreeLayout<'_>) -> Option<Tree> {
    let folder = |folder: &FolderLayout<'_>| Folder {
        path: folder.path.path(),
        stat: read_stat(folder.stat.0),
        listing: folder.listing.digest(),
        first: folder.first,
        count: folder.count,
    };
    let other = |other: &OtherLayout<'_>| Other {
        path: other.path.path(),
        itself: read_stat(other.itself.0),
        behind: read_stat(other.behind.0),
        trusted: other.trusted,
    };
    let index = match layout.index {
        Some((path, stat, tracked)) => {
            Some(Index { path: path.path(), stat: read_stat(stat.0), tracked: tracked.digest()? })
        }
        None => None,
    };
    let places = layout.order.0.chunks_exact(4);
    Some(Tree {
        paths: layout.paths.0.to_vec(),
        rows: layout.rows.0.chunks_exact(Row::BYTES).map(Row::read).collect::<Option<_>>()?,
        order: places.map(|place| u32::from_le_bytes(place.try_into().expect("BUG: chunks of four"))).collect(),
        folders: layout.folders.iter().map(folder).collect(),
        others: layout.others.iter().map(other).collect(),
        index,
        nameless: layout.nameless,
    })
}

/// Writes a tree and what rules thought of it.
pub(super) fn encode(tree: Option<&Tree>, columns: &[Column]) -> Vec<u8> {
    let mut rows: Vec<u8> = Vec::with_capacity(tree.map_or(0, |tree| tree.rows.len() * Row::BYTES));
    tree.iter().flat_map(|tree| &tree.rows).for_each(|row| rows.extend_from_slice(&row.bytes()));
    let order: Vec<u8> = tree.iter().flat_map(|tree| tree.order.iter().flat_map(|place| place.to_le_bytes())).collect();
    let stats = |stat: Option<Stat>| stat.map(|stat| stat_bytes(&stat).to_vec()).unwrap_or_default();
    let folder_stats: Vec<Vec<u8>> =
        tree.iter().flat_map(|tree| tree.folders.iter().map(|folder| stats(folder.stat))).collect();
    let other_stats: Vec<[Vec<u8>; 2]> = tree
        .iter()
        .flat_map(|tree| tree.others.iter().map(|other| [stats(other.itself), stats(other.behind)]))
        .collect();
    let index_stat = stats(tree.and_then(|tree| tree.index.as_ref()?.stat));
    let tree = tree.map(|tree| TreeLayout {
        paths: Bytes(&tree.paths),
        rows: Bytes(&rows),
        order: Bytes(&order),
        folders: tree.folders.iter().zip(&folder_stats).map(folder_layout).collect(),
        others: tree.others.iter().zip(&other_stats).map(other_layout).collect(),
        index: tree
            .index
            .as_ref()
            .map(|index| (Bytes(index.path.as_os_str().as_bytes()), Bytes(&index_stat), Bytes(&index.tracked.0))),
        nameless: tree.nameless,
    });
    let columns = columns.iter().map(|column| ColumnLayout {
        key: Bytes(&column.key.0),
        names: Bytes(&column.names.0),
        configuration: column.configuration.iter().map(|(path, state)| (path.as_str(), Bytes(&state.0))).collect(),
        marks: Bytes(&column.marks),
    });
    postcard::to_stdvec(&Layout { tree, columns: columns.collect() }).expect("BUG: what is in memory can be written")
}

fn folder_layout<'b>((folder, stat): (&'b Folder, &'b Vec<u8>)) -> FolderLayout<'b> {
    let listing = Bytes(folder.listing.as_ref().map_or(&[], |listing| &listing.0));
    FolderLayout {
        path: Bytes(folder.path.as_os_str().as_bytes()),
        stat: Bytes(stat),
        listing,
        first: folder.first,
        count: folder.count,
    }
}

fn other_layout<'b>((other, [itself, behind]): (&'b Other, &'b [Vec<u8>; 2])) -> OtherLayout<'b> {
    OtherLayout {
        path: Bytes(other.path.as_os_str().as_bytes()),
        itself: Bytes(itself),
        behind: Bytes(behind),
        trusted: other.trusted,
    }
}
