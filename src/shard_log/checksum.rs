//! The checksum of everything on disk: CRC-32C.

use crc_fast::CrcAlgorithm;

/// CRC-32C of `bytes`, as iSCSI has it (RFC 3720, B.4).
pub(super) fn crc32c(bytes: &[u8]) -> u32 {
    let checksum = crc_fast::checksum(CrcAlgorithm::Crc32Iscsi, bytes);
    u32::try_from(checksum).expect("a CRC of 32 bits")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of RFC 3720, B.4, and the check value of the catalogue of CRCs.
    #[test]
    fn it_is_the_published_one() {
        let ascending: Vec<u8> = (0..32).collect();
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
        assert_eq!(crc32c(&ascending), 0x46dd_794e);
    }
}
