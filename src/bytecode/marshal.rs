//! One form of what Python's `marshal` writes, whatever process has written it.
//!
//! The bytes that `marshal` writes for some code depend on the process: an object gets the flag that others may refer to it if
//! anything else in the process refers to it, a set is written in the order of those bytes, or before Python 3.11 in that of
//! hashes, equal sets are one object or several, and texts of one character may be interned. None of this changes what the code
//! is. So the objects are read and written again: equal constants are one, only those that are used again have the flag,
//! and sets are sorted.
//!
//! The format is that of `Python/marshal.c`, versions 4 and 5, as far as compiled code uses it.

use std::collections::HashMap;

use super::version::PythonVersion;

/// How deep objects may contain each other. No code is nested so deep: Python's parser allows 100 blocks and 200 parentheses.
const DEPTH: usize = 500;

/// The most bytes of the elements of sets when they are compared.
const COMPARED: usize = 64 << 20;

/// The bit of a type that makes an object one that others refer to.
const FLAG_REF: u8 = 0x80;

/// Code that is not in the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the interpreter has written code of an unknown form")]
pub(super) struct UnknownForm;

/// The position of an object.
type Id = usize;

/// An object: its type, and what follows that.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Object<'a> {
    kind: u8,
    content: Content<'a>,
}

/// What follows the type of an object. Most objects contain no others.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Content<'a> {
    One(Part<'a>),
    Many(Vec<Part<'a>>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Part<'a> {
    Bytes(&'a [u8]),
    Object(Id),
}

impl<'a> Object<'a> {
    fn parts(&self) -> &[Part<'a>] {
        match &self.content {
            Content::One(part) => std::slice::from_ref(part),
            Content::Many(parts) => parts,
        }
    }
}

/// Marshalled code in its one form.
pub(super) fn canonical(code: &[u8], version: PythonVersion) -> Result<Vec<u8>, UnknownForm> {
    let mut reader = Reader {
        rest: code,
        has_free_variables: version.minor <= 10,
        objects: Vec::new(),
        constants: HashMap::new(),
        references: Vec::new(),
        compared: 0,
    };
    let root = reader.object(0)?;
    if !reader.rest.is_empty() {
        return Err(UnknownForm);
    }
    let objects = reader.objects;
    let is_shared = shared(&objects, root);
    let numbers = vec![None; objects.len()];
    let output = Vec::with_capacity(code.len());
    let mut writer = Writer { objects: &objects, is_shared, numbers, next: 0, output };
    writer.write(root);
    Ok(writer.output)
}

/// Reads objects.
struct Reader<'a> {
    rest: &'a [u8],
    /// Whether code is written as before Python 3.11.
    has_free_variables: bool,
    /// Each after those that it contains.
    objects: Vec<Object<'a>>,
    /// All objects but code.
    constants: HashMap<Object<'a>, Id>,
    /// The objects that others may refer to, in the order in which they begin; nothing as long as they have not ended, since no
    /// constant contains itself.
    references: Vec<Option<Id>>,
    /// How many bytes were compared to sort sets.
    compared: usize,
}

impl<'a> Reader<'a> {
    fn bytes(&mut self, length: usize) -> Result<&'a [u8], UnknownForm> {
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or(UnknownForm)?;
        self.rest = rest;
        Ok(bytes)
    }

    /// The number of 1 or 4 bytes that is next, without consuming it.
    fn number(&self, width: usize) -> Result<usize, UnknownForm> {
        let bytes = self.rest.get(..width).ok_or(UnknownForm)?;
        Ok(bytes.iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte)))
    }

    fn object(&mut self, depth: usize) -> Result<Id, UnknownForm> {
        if depth > DEPTH {
            return Err(UnknownForm);
        }
        let first = self.bytes(1)?[0];
        let (kind, is_flagged) = (first & !FLAG_REF, first & FLAG_REF != 0);
        if kind == b'r' {
            let number = self.number(4)?;
            self.bytes(4)?;
            return self.references.get(number).copied().flatten().ok_or(UnknownForm);
        }
        let reference = self.references.len();
        if is_flagged {
            self.references.push(None);
        }
        let object = match self.simple_width(kind)? {
            Some(width) => simple(kind, self.bytes(width)?),
            None => Object { kind, content: Content::Many(self.parts(kind, depth)?) },
        };
        let id = self.add(object);
        if is_flagged {
            self.references[reference] = Some(id);
        }
        Ok(id)
    }

    fn add(&mut self, object: Object<'a>) -> Id {
        if let Some(known) = self.constants.get(&object) {
            return *known;
        }
        let id = self.objects.len();
        if object.kind != b'c' {
            self.constants.insert(object.clone(), id);
        }
        self.objects.push(object);
        id
    }

    /// How many bytes follow the type of an object that contains no others. Nothing if it contains some.
    fn simple_width(&self, kind: u8) -> Result<Option<usize>, UnknownForm> {
        Ok(Some(match kind {
            b'N' | b'T' | b'F' | b'S' | b'.' => 0,
            b'i' => 4,
            b'I' | b'g' => 8,
            b'y' => 16,
            b's' | b't' | b'u' | b'a' | b'A' => 4 + self.number(4)?,
            b'z' | b'Z' => 1 + self.number(1)?,
            b'l' => {
                let digits = self.rest.get(..4).and_then(|bytes| bytes.try_into().ok()).ok_or(UnknownForm)?;
                let digits = i32::from_le_bytes(digits).unsigned_abs();
                4 + 2 * usize::try_from(digits).map_err(|_| UnknownForm)?
            }
            _ => return Ok(None),
        }))
    }

    /// What follows the type of an object that contains others.
    fn parts(&mut self, kind: u8, depth: usize) -> Result<Vec<Part<'a>>, UnknownForm> {
        let mut parts = Vec::new();
        let (items, width) = match kind {
            b')' => (self.number(1)?, 1),
            b'(' | b'[' | b'<' | b'>' => (self.number(4)?, 4),
            b':' => (3, 0),
            b'c' => return self.code(depth),
            _ => return Err(UnknownForm),
        };
        parts.push(Part::Bytes(self.bytes(width)?));
        for _ in 0..items {
            parts.push(Part::Object(self.object(depth + 1)?));
        }
        if matches!(kind, b'<' | b'>') {
            self.sort(&mut parts[1..])?;
        }
        Ok(parts)
    }

    /// Numbers, the objects up to the names of the code, the number of its first line, and its tables.
    fn code(&mut self, depth: usize) -> Result<Vec<Part<'a>>, UnknownForm> {
        let (numbers, tables) = if self.has_free_variables { (6, 1) } else { (5, 2) };
        let mut parts = vec![Part::Bytes(self.bytes(4 * numbers)?)];
        for _ in 0..8 {
            parts.push(Part::Object(self.object(depth + 1)?));
        }
        parts.push(Part::Bytes(self.bytes(4)?));
        for _ in 0..tables {
            parts.push(Part::Object(self.object(depth + 1)?));
        }
        Ok(parts)
    }

    /// Sorts the elements of a set by what they are.
    fn sort(&mut self, elements: &mut [Part<'a>]) -> Result<(), UnknownForm> {
        let mut spelled = Vec::with_capacity(elements.len());
        for element in elements.iter() {
            let mut content = Vec::new();
            spell(&self.objects, *element, COMPARED - self.compared, &mut content)?;
            self.compared += content.len();
            spelled.push((content, *element));
        }
        spelled.sort_by(|(one, _), (other, _)| one.cmp(other));
        for (place, (_, element)) in elements.iter_mut().zip(spelled) {
            *place = element;
        }
        Ok(())
    }
}

/// An object that contains no others. There is one of each text of at most one character up to U+00FF in a process, so that it does
/// not matter which module has interned it.
fn simple(kind: u8, content: &[u8]) -> Object<'_> {
    let kind = match (kind, content) {
        (b'z', [0 | 1, ..]) => b'Z',
        (b'u', [2, 0, 0, 0, 0xc2 | 0xc3, _]) => b't',
        _ => kind,
    };
    Object { kind, content: Content::One(Part::Bytes(content)) }
}

/// Writes a part without references.
fn spell(
    objects: &[Object<'_>],
    part: Part<'_>,
    at_most: usize,
    output: &mut Vec<u8>,
) -> Result<(), UnknownForm> {
    match part {
        Part::Bytes(bytes) => output.extend_from_slice(bytes),
        Part::Object(id) => {
            output.push(objects[id].kind);
            for part in objects[id].parts() {
                spell(objects, *part, at_most, output)?;
            }
        }
    }
    if output.len() > at_most { Err(UnknownForm) } else { Ok(()) }
}

/// Which objects several others contain, or one several times.
fn shared(objects: &[Object<'_>], root: Id) -> Vec<bool> {
    let (mut is_used, mut is_shared) = (vec![false; objects.len()], vec![false; objects.len()]);
    let mut rest = vec![root];
    while let Some(id) = rest.pop() {
        if std::mem::replace(&mut is_used[id], true) {
            is_shared[id] = true;
            continue;
        }
        rest.extend(objects[id].parts().iter().filter_map(|part| match part {
            Part::Object(id) => Some(*id),
            Part::Bytes(_) => None,
        }));
    }
    is_shared
}

/// Writes objects.
struct Writer<'a> {
    objects: &'a [Object<'a>],
    is_shared: Vec<bool>,
    /// The numbers by which objects are referred to that are written already.
    numbers: Vec<Option<u32>>,
    next: u32,
    output: Vec<u8>,
}

impl Writer<'_> {
    fn write(&mut self, id: Id) {
        if let Some(number) = self.numbers[id] {
            self.output.push(b'r');
            self.output.extend_from_slice(&number.to_le_bytes());
            return;
        }
        let object = &self.objects[id];
        // Python itself writes these again.
        let is_singleton = matches!(object.kind, b'N' | b'T' | b'F' | b'S' | b'.');
        if self.is_shared[id] && !is_singleton {
            self.numbers[id] = Some(self.next);
            self.next += 1;
            self.output.push(object.kind | FLAG_REF);
        } else {
            self.output.push(object.kind);
        }
        for part in object.parts() {
            match part {
                Part::Bytes(bytes) => self.output.extend_from_slice(bytes),
                Part::Object(id) => self.write(*id),
            }
        }
    }
}

#[cfg(test)]
mod tests;
