//! Column definitions, and the names of types.

use super::wire::Cursor;

/// Collation of bytes that are no text.
const BINARY: u16 = 63;
/// Flag: numbers have no sign.
const UNSIGNED: u16 = 0x20;
/// Bytes of the fixed part of a definition, and the length before it.
const FIXED_LEN: u8 = 0x0c;

/// A column of a result set, or a parameter.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Column<'b> {
    /// The table it is of; empty for an expression.
    pub table: &'b [u8],
    /// What it is called in the result.
    pub name: &'b [u8],
    /// Its type.
    pub kind: u8,
    /// Whether it has no sign.
    pub is_unsigned: bool,
    /// Whether it is bytes and no text.
    pub is_binary: bool,
}

// === impl Column ===

impl<'b> Column<'b> {
    /// Reads the payload of a column definition, of 4.1 or older.
    pub fn read(payload: &'b [u8]) -> Option<Self> {
        Self::read_41(payload).or_else(|| Self::read_320(payload))
    }

    fn read_41(payload: &'b [u8]) -> Option<Self> {
        let mut cursor = Cursor(payload);
        let (_catalog, _schema) = (cursor.text()?, cursor.text()?);
        let (table, _original) = (cursor.text()?, cursor.text()?);
        let (name, _original) = (cursor.text()?, cursor.text()?);
        if cursor.rest().len() > usize::from(FIXED_LEN) + 1 {
            // MariaDB: what kind of a type it is.
            let mut extended = cursor;
            let is_extended =
                extended.text().is_some() && extended.rest().first() == Some(&FIXED_LEN);
            cursor = if is_extended { extended } else { cursor };
        }
        cursor.byte().filter(|len| *len == FIXED_LEN)?;
        let collation = cursor.short()?;
        cursor.long()?;
        let kind = cursor.byte()?;
        let is_unsigned = cursor.short()? & UNSIGNED != 0;
        Some(Self { table, name, kind, is_unsigned, is_binary: collation == BINARY })
    }

    fn read_320(payload: &'b [u8]) -> Option<Self> {
        let mut cursor = Cursor(payload);
        let (table, name) = (cursor.text()?, cursor.text()?);
        cursor.text().filter(|width| width.len() == 3)?;
        let [kind] = *cursor.text()? else { return None };
        let flags = cursor.text()?;
        let is_unsigned = flags.first().is_some_and(|flags| u16::from(*flags) & UNSIGNED != 0);
        Some(Self { table, name, kind, is_unsigned, is_binary: false })
    }

    /// Its type as SQL writes it.
    pub fn type_name(&self) -> &'static str {
        match (self.kind, self.is_binary) {
            (249..=252, false) => "TEXT",
            (253, true) => "VARBINARY",
            (254, true) => "BINARY",
            (kind, _) => type_name(kind),
        }
    }
}

/// A type as SQL writes it.
pub fn type_name(kind: u8) -> &'static str {
    match kind {
        0 | 246 => "DECIMAL",
        1 => "TINYINT",
        2 => "SMALLINT",
        3 => "INT",
        4 => "FLOAT",
        5 => "DOUBLE",
        6 => "NULL",
        7 | 17 => "TIMESTAMP",
        8 => "BIGINT",
        9 => "MEDIUMINT",
        10 | 14 => "DATE",
        11 | 19 => "TIME",
        12 | 18 => "DATETIME",
        13 => "YEAR",
        15 | 253 => "VARCHAR",
        16 => "BIT",
        242 => "VECTOR",
        245 => "JSON",
        247 => "ENUM",
        248 => "SET",
        249..=252 => "BLOB",
        254 => "CHAR",
        255 => "GEOMETRY",
        _ => "UNKNOWN",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIXED: &[u8] = b"\x0c\x3f\0\x0b\0\0\0\x03\x20\0\0\0\0";

    #[test]
    fn a_definition_may_be_extended() {
        let plain = [b"\x03def\x01a\x01t\x01t\x02id\x02id", FIXED].concat();
        let extended = [b"\x03def\x01a\x01t\x01t\x02id\x02id\x06\0\x04uuid", FIXED].concat();
        let column = Column::read(&plain).unwrap();
        assert_eq!((column.table, column.name, column.kind), (&b"t"[..], &b"id"[..], 3));
        assert!(column.is_unsigned && column.is_binary);
        assert_eq!(Column::read(&extended), Some(column));
        for len in 0..plain.len() - 3 {
            assert!(Column::read(&plain[..len]).is_none(), "{len}");
        }
    }

    #[test]
    fn an_old_definition_is_short() {
        let column = Column::read(b"\x01t\x04name\x03\x14\0\0\x01\xfd\x03\x01\0\0").unwrap();
        assert_eq!((column.name, column.type_name()), (&b"name"[..], "VARCHAR"));
    }
}
