#include "cage/steward.h"

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/text.h"
#include "cage/errand.h"
#include "cage/process.h"

namespace angarium::cage {
namespace {

/// The steward kills what takes too long, so that who asks hears of it a moment later.
constexpr Duration kGrace = std::chrono::seconds(5);

delivery::Outcome trouble(const Error& error) { return {.status = delivery::kSystemTrouble, .words = error.text()}; }

/// The letter in frames, an empty one at its end. Who reads no more has something to say.
Result<> send_letter(const Descriptor& socket, delivery::Octets& letter, Moment deadline) {
  while (true) {
    std::string_view piece = TRY(letter.next());
    const bool last = piece.empty();
    do {
      const std::string_view part = piece.substr(0, kPieceMax);
      const Written written = write_frame(socket, part, deadline);
      if (written == Written::no_reader) return {};
      if (written == Written::too_late) return fail(kUnavailable, "the steward does not read the message");
      piece.remove_prefix(part.size());
    } while (!piece.empty());
    if (last) return {};
  }
}

}  // namespace

Result<std::unique_ptr<Steward>> Steward::start(const Policy& policy, Host& host, Servant* servant, Descriptor order) {
  auto [ours, its] = TRY(socket_pair(SocketKind::packets));
  const pid_t process = ::fork();
  if (process < 0) return fail(kNotStarted, "cannot start the steward: " + std::string(strerrordesc_np(errno)));
  if (process == 0) {
    ours = Descriptor();
    seclude({&its, &order});
    run_steward(std::move(its), policy, host, servant, std::move(order));
    ::_exit(0);
  }
  return std::unique_ptr<Steward>(new Steward(std::move(ours), process));
}

Steward::~Steward() {
  channel_ = Descriptor();
  while (!over_ && ::waitpid(process_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

bool Steward::ended() {
  if (!over_) {
    const pid_t gone = ::waitpid(process_, nullptr, WNOHANG);
    over_ = gone == process_ || (gone < 0 && errno == ECHILD);
  }
  return over_;
}

Result<Descriptor> Steward::ask(const Request& request, Moment deadline) const {
  auto [ours, its] = TRY(socket_pair(SocketKind::octets));
  std::string octets = encode(request);
  if (octets.size() > kRequestMax) {
    wipe(octets);
    return fail(kMalformed, "the request is too long");
  }
  const Result<> sent = send_packet(channel_, octets, its, deadline);
  wipe(octets);
  if (!sent) return std::unexpected(sent.error());
  return std::move(ours);
}

/// The socket of a request, as long as it is under way.
class Steward::Registered {
 public:
  Registered(const Steward& steward, UnderWay& those, const Descriptor& socket)
      : steward_(steward), those_(those), socket_(socket.get()) {
    const std::lock_guard lock(steward_.mutex_);
    those_.sockets.insert(socket_);
    if (those_.ending) ::shutdown(socket_, SHUT_RDWR);
  }
  Registered(const Registered&) = delete;
  Registered& operator=(const Registered&) = delete;
  ~Registered() {
    const std::lock_guard lock(steward_.mutex_);
    those_.sockets.erase(socket_);
  }

 private:
  const Steward& steward_;
  UnderWay& those_;
  int socket_;
};

void Steward::end(UnderWay& those, int how) {
  const std::lock_guard lock(mutex_);
  those.ending = true;
  for (const int socket : those.sockets) ::shutdown(socket, how);
}

void Steward::end_deliveries(End how) { end(deliveries_, how == End::in_order ? SHUT_WR : SHUT_RDWR); }
void Steward::end_questions() { end(questions_, SHUT_RDWR); }
void Steward::end_attending() { end(attending_, SHUT_RDWR); }

template <class Wanted>
Result<Wanted> Steward::question(const Request& request) const {
  const Moment deadline = system_clock().now() + kQuestionTime + kGrace;
  const Descriptor socket = TRY(ask(request, deadline));
  const Registered registered(*this, questions_, socket);
  return answer<Wanted>(socket, deadline);
}

template <class Wanted>
Result<Wanted> Steward::answer(const Descriptor& socket, Moment deadline) {
  const std::string octets = TRY(read_frame(socket, kAnswerMax, deadline));
  Answer answer = TRY(decode_answer(octets));
  if (auto* const failed = std::get_if<Failed>(&answer)) return fail(kUnavailable, std::move(failed->words));
  auto* const wanted = std::get_if<Wanted>(&answer);
  if (wanted == nullptr) return fail(kMalformed, "the steward answers something else");
  return std::move(*wanted);
}

Result<std::optional<User>> Steward::find_user(const std::string& name) const {
  if (!plausible_user_name(name)) return std::nullopt;
  return TRY(question<UserFound>(FindUser{name})).user;
}

Result<Verdict> Steward::check_password(const std::string& name, sasl::Secret password,
                                        const std::string& remote) const {
  if (!plausible_user_name(name)) return Verdict::wrong;
  return TRY(question<PasswordChecked>(CheckPassword{name, std::move(password), remote})).verdict;
}

Result<std::optional<Forward>> Steward::forward(const std::string& name) const {
  if (!plausible_user_name(name)) return std::nullopt;
  auto forward = TRY(question<ForwardRead>(ReadForward{name})).forward;
  if (forward && forward->files.empty()) return fail(kMalformed, "the steward answers without a file");
  return forward;
}

Result<Descriptor> Steward::attend(const Attend& request) const {
  if (!plausible_user_name(request.name)) return fail(kUnavailable, "there is no user " + request.name);
  const Moment deadline = system_clock().now() + kQuestionTime + kGrace;
  Descriptor socket = TRY(ask(request, deadline));
  {
    const Registered registered(*this, attending_, socket);
    TRY(answer<Attending>(socket, deadline));
  }
  return socket;
}

delivery::Outcome Steward::deliver(const Deliver& request, delivery::Octets& letter) const {
  const Moment deadline = system_clock().now() + kDeliveryTime + kGrace;
  const auto socket = ask(request, deadline);
  if (!socket) return trouble(socket.error());
  const Registered registered(*this, deliveries_, *socket);
  // Without its end the letter is not delivered: the socket is closed, and what was written is taken back.
  if (const auto sent = send_letter(*socket, letter, deadline); !sent) return trouble(sent.error());
  auto octets = read_frame(*socket, kAnswerMax, deadline);
  if (!octets) return trouble(octets.error());
  auto answer = decode_answer(*octets);
  if (!answer) return trouble(answer.error());
  if (auto* const delivered = std::get_if<Delivered>(&*answer)) return std::move(delivered->outcome);
  const auto* const failed = std::get_if<Failed>(&*answer);
  return {.status = delivery::kSystemTrouble,
          .words = failed == nullptr ? "the steward answers something else" : failed->words};
}

namespace {

/// What was not read is not there for `expand`, but nobody knows what it says.
std::unexpected<Error> unread(const std::string& path) {
  return fail(alias::kUnreadableFile, "cannot read " + escape_controls(path) + ": it was not read with the .forward");
}

}  // namespace

Result<std::optional<alias::FileText>> ForwardFiles::read(const std::string& path, std::size_t max) {
  const auto file = std::ranges::find(forward_.files, path, &ForwardFile::path);
  if (file == forward_.files.end()) return unread(path);
  if (file->state == ForwardFile::State::absent) return std::nullopt;
  if (file->state == ForwardFile::State::unreadable) return fail(alias::kUnreadableFile, file->text);
  if (file->text.size() > max) return unread(path);
  return alias::FileText{.status = file->status, .text = file->text};
}

Result<std::optional<alias::FileStatus>> ForwardFiles::status(const std::string& path) {
  const auto file = TRY(read(path, kForwardOctetsMax));
  if (!file) return std::nullopt;
  return file->status;
}

}  // namespace angarium::cage
