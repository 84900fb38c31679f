// What comes into a mailbox: the octets of a message and what was learnt from them while they arrived.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "io/pool.h"
#include "io/task.h"
#include "keyring/body.h"
#include "keyring/cipher.h"
#include "mailbox/email.h"
#include "mailbox/presentation.h"
#include "message/binary_parts.h"
#include "message/structure.h"
#include "store/batch.h"
#include "store/tablet.h"

namespace angarium::mailbox {

/// Learnt once, at acceptance; stored with each email made from the content.
struct Facts {
  Presentation presentation;  ///< how the stored octets are shown; fixes the size
  bool open_end = false;      ///< the presented body has octets and does not end with CRLF
  std::string structure;      ///< message::serialize() of the presented body
  /// Octets that the body has more for readers without UTF-8, where it has such a form (message/ascii_form.h).
  std::optional<std::int64_t> ascii_growth;
  /// ENVELOPE, BODY and BODYSTRUCTURE, ready to be sent.
  struct Texts {
    std::string envelope;
    std::string body;
    std::string body_structure;
    friend bool operator==(const Texts&, const Texts&) = default;
    operator ReadyTexts() const { return {envelope, body, body_structure}; }  // NOLINT: the same thing, owned
  };
  bool ready = false;  ///< false: the texts would pass kReadyTextMax
  Texts ascii;
  Texts utf8;                          ///< empty where it is the same
  std::string references;              ///< message::thread_references(); kept with the texts
  std::string preview;                 ///< message::preview(); kept with the texts
  std::vector<std::uint64_t> threads;  ///< keys of Message-ID, In-Reply-To, References, own one first (thread.h)
  std::string message_id;              ///< with its brackets; empty: none that is one. Not stored.
};

/// A message ready to be delivered or appended, to as many mailboxes as wanted. Holds at most store::kGroupBodyMax
/// octets in memory; larger bodies are in the store already. Immutable; share it.
struct Content {
  std::shared_ptr<const std::string> octets;  ///< null: the body is `stored`
  store::BodyRef stored;
  /// What the store gets is sealed by it, `stored` too; nothing: it lies there as it came. Used for this content alone.
  std::optional<keyring::Key> key;
  std::shared_ptr<const std::string> sealed;  ///< the octets so; null: there are none, or no key
  Facts facts;
  /// What a batch carries, where there are octets.
  [[nodiscard]] const std::shared_ptr<const std::string>& to_store() const { return key ? sealed : octets; }
  [[nodiscard]] std::string_view body_key() const { return key ? key->octets() : std::string_view(); }
  /// Octets of the body as it came.
  [[nodiscard]] std::uint64_t body_length() const { return facts.presentation.stored_size(); }
  /// Presented octets, without prepended fields.
  [[nodiscard]] std::uint64_t size() const { return facts.presentation.size(); }
};
/// What one copy of a content is to its readers, with those fields.
struct CopySizes {
  std::uint64_t original = 0;
  std::optional<std::uint64_t> ascii;  ///< where the form for readers without UTF-8 differs
  /// What quota and counters count: the larger one.
  [[nodiscard]] std::uint64_t counted() const { return std::max(original, ascii.value_or(0)); }
};
CopySizes copy_sizes(const Content& content, std::string_view prepended);
using ContentPtr = std::shared_ptr<const Content>;

/// The content of a message that is whole in memory; at most store::kGroupBodyMax octets.
ContentPtr make_content(std::string octets);
/// The same, sealed by a key of its own; at most kSealedGroupBodyMax octets.
Result<ContentPtr> make_sealed_content(std::string octets);
/// What is no longer than store::kGroupBodyMax when it is sealed.
inline constexpr std::size_t kSealedGroupBodyMax =
    store::kGroupBodyMax - store::kGroupBodyMax / keyring::kChunk * keyring::kTagOctets;
static_assert(keyring::sealed_size(kSealedGroupBodyMax) == store::kGroupBodyMax);

/// Whether bodies are sealed before the store has them.
enum class Sealing : std::uint8_t { off, on };

/// How a message comes.
enum class Arrival : std::uint8_t {
  ordinary,  ///< stored as it is
  binary,  ///< by BODY=BINARYMIME or literal8: its parts in binary coding are stored as base64 (message/binary_parts.h)
};

/// Takes a message in as it arrives, in chunks of any size; beyond store::kGroupBodyMax octets it streams to the store,
/// so that it never holds more than kIntakeBufferMax, and a binary arrival twice message::kPartHeaderMax more. One
/// coroutine at a time. Dropping it leaves nothing behind but octets for the sweeper.
class Intake {
 public:
  static constexpr std::size_t kIntakeBufferMax = 512 * 1024;

  Intake(store::Tablet& tablet, io::Pool& pool, Arrival arrival, Sealing sealing = Sealing::off);
  ~Intake();
  Intake(const Intake&) = delete;
  Intake& operator=(const Intake&) = delete;

  /// Takes a copy without waiting. kTooLarge (of the store) beyond kMessageSizeMax; kNotRewritable of message. When
  /// full() afterwards, await drain() before more octets come.
  Result<> append(std::string_view octets);
  [[nodiscard]] bool full() const;
  /// Moves what is buffered to the store's disk.
  io::Task<Result<>> drain();
  /// The message is whole. A large body is durable (though no email refers to it yet) when this returns.
  io::Task<Result<ContentPtr>> finish();
  /// Octets taken so far.
  [[nodiscard]] std::uint64_t received() const;

 private:
  struct Body;
  std::shared_ptr<Body> body_;
};

}  // namespace angarium::mailbox
