// Where mail comes from: folders of a source, each read message by message.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "message/box_state.h"
#include "transfer/error.h"
#include "transfer/fingerprint.h"

namespace angarium::transfer {

/// Something that could not be brought, and where it is.
struct Defect {
  std::string place;
  std::string words;
};

/// A message of a source. Whole only when its octets were read.
struct Message {
  std::string place;         ///< in words: file, or file and number
  std::uint64_t octets = 0;  ///< about, before they were read
  message::BoxFlags flags = 0;
  std::vector<std::string> keywords;
  std::optional<std::int64_t> received;  ///< seconds since 1970
  int zone_minutes = 0;
  Fingerprint fingerprint{};
};

/// Reads one folder from its beginning. Blocks. One thread.
class Reader {
 public:
  virtual ~Reader() = default;
  /// Fingerprints of the next messages, at most so many, where they are known without reading; else none.
  virtual std::vector<Fingerprint> upcoming([[maybe_unused]] std::size_t max) { return {}; }
  /// Goes to the next message; false after the last. Octets of the present one may be left unread where upcoming()
  /// names it.
  virtual Result<bool> next() = 0;
  /// The next octets of the message, with CR LF line ends: a view until the next call; empty at its end. An error is
  /// that of this message; next() may follow.
  virtual Result<std::string_view> read() = 0;
  [[nodiscard]] virtual const Message& message() const = 0;
};

struct Folder {
  enum class Form : std::uint8_t { mbox, maildir };
  Form form = Form::mbox;
  std::string name;  ///< in the source, as a name of ours: "INBOX", "lists/announce"
  std::string path;
};

struct Found {
  std::vector<Folder> folders;      ///< sorted by name, INBOX first
  std::vector<Defect> passed_over;  ///< what looks like mail and is none we can read
};

/// Levels of folders that are looked into, symbolic links counted: deeper ones are loops or no mail.
inline constexpr unsigned kFolderDepthMax = 32;
/// Entries of one folder that are looked at when folders are searched; in Maildir's own folders they are not counted.
inline constexpr std::size_t kEntriesMax = 100'000;

/// Finds the folders of a source: an mbox file, a Maildir with its Maildir++ subfolders or with Maildirs in it, or a
/// tree of mbox files (Thunderbird's .sbd and Apple's .mbox folders too). Control files of Dovecot, Cyrus, Courier and
/// mail programs are left alone. kPlace.
Result<Found> find_folders(const std::string& path);

/// `seed` names the source: messages of another one have other fingerprints. kPlace.
Result<std::unique_ptr<Reader>> open_folder(const Folder& folder, const Fingerprint& seed);
Result<std::unique_ptr<Reader>> open_mbox(const std::string& path, const Fingerprint& seed);
Result<std::unique_ptr<Reader>> open_maildir(const std::string& path, const Fingerprint& seed);

/// "open /home/anna/mail: Permission denied".
Error place_error(int number, std::string_view what, std::string_view path);

}  // namespace angarium::transfer
