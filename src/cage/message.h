// What is asked of the steward and what it answers, as octets (coding.h). Both sides are of one build: another version
// is refused.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "alias/file.h"
#include "base/time.h"
#include "cage/types.h"
#include "delivery/outcome.h"
#include "envelope/path.h"
#include "sasl/secret.h"

namespace angarium::cage {

/// Octets of a request: a target of 4,096, two paths of 1,024, and room; or a place of 8,192 with a file of 4,096. One
/// more is refused unread.
inline constexpr std::size_t kRequestMax = 16'384;
/// Octets of an answer: a .forward and what it includes.
inline constexpr std::size_t kAnswerMax = std::size_t{8} << 20;
/// Files of a .forward and its includes in one answer, and octets of all of them together.
inline constexpr std::size_t kForwardFilesMax = 65;
inline constexpr std::size_t kForwardOctetsMax = std::size_t{4} << 20;

struct FindUser {
  std::string name;
};
struct CheckPassword {
  std::string name;
  sasl::Secret password;
  std::string remote;  ///< the peer's address, PAM_RHOST; empty: this host
};
/// Reads the user's .forward and what it includes with the user's rights.
struct ReadForward {
  std::string name;
};
/// Delivers as the user. The letter follows on the request's own socket.
struct Deliver {
  /// Who chose the target: what a user names gets no more than the user's rights.
  enum class Chosen : std::uint8_t { by_operator, by_user };
  std::string name;
  std::string target;  ///< as delivery::parse_target() reads it
  Chosen chosen = Chosen::by_operator;
  envelope::ReversePath reverse_path;
  envelope::Mailbox recipient;
  std::string extension;
  WallTime received;
};
/// Becomes the user and does what the steward's Servant does, over the request's own socket, until that is closed.
struct Attend {
  std::string name;
  std::string place;       ///< what the servant is told of the boxes it is to work on
  std::string spool_file;  ///< of the operator: worked on alone, with the spool's group; empty: with the user's rights
};
using Request = std::variant<FindUser, CheckPassword, ReadForward, Deliver, Attend>;
/// Requests of the list.
inline constexpr std::size_t kRequestKinds = std::variant_size_v<Request>;

enum class Verdict : std::uint8_t { right, wrong };

struct ForwardFile {
  enum class State : std::uint8_t { there, absent, unreadable };
  std::string path;
  State state = State::absent;
  alias::FileStatus status;
  std::string text;  ///< of a regular file; why it is unreadable
  friend bool operator==(const ForwardFile&, const ForwardFile&) = default;
};
struct Forward {
  User user;
  std::vector<ForwardFile> files;  ///< the .forward itself first
  friend bool operator==(const Forward&, const Forward&) = default;
};

struct UserFound {
  std::optional<User> user;
};
struct PasswordChecked {
  Verdict verdict = Verdict::wrong;
};
struct ForwardRead {
  std::optional<Forward> forward;  ///< nothing: there is no such user
};
struct Delivered {
  delivery::Outcome outcome;
};
/// It could not be done now.
struct Failed {
  std::string words;
};
/// The servant listens.
struct Attending {
  User user;
};
using Answer = std::variant<UserFound, PasswordChecked, ForwardRead, Delivered, Failed, Attending>;

std::string encode(const Request& request);
/// kMalformed for anything that encode() does not make.
Result<Request> decode_request(std::string_view octets);
/// Which request of the list it claims to be, by its first octets alone; nothing when it is none.
std::optional<std::size_t> request_kind(std::string_view octets);

std::string encode(const Answer& answer);
Result<Answer> decode_answer(std::string_view octets);

}  // namespace angarium::cage
