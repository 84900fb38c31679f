#include "cage/errand.h"

#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <set>

#include "alias/source.h"
#include "alias/target.h"
#include "base/text.h"
#include "delivery/delivery.h"

namespace angarium::cage {
namespace {

/// The letter as it comes by the socket: frames, an empty one at its end. Without that end it is not whole.
class SentOctets final : public delivery::Octets {
 public:
  explicit SentOctets(const Descriptor& socket) : socket_(socket) {}
  Result<std::string_view> next() override {
    if (!ended_) piece_ = TRY(read_frame(socket_, kPieceMax, system_clock().now() + kLetterPatience));
    ended_ = ended_ || piece_.empty();
    return ended_ ? std::string_view() : std::string_view(piece_);
  }

 private:
  const Descriptor& socket_;
  std::string piece_;
  bool ended_ = false;
};

/// More memory than that ends this process, and not the host.
Result<> limit_memory() {
  if (!kServantMemoryLimited) return {};
  rlimit limit{};
  if (::getrlimit(RLIMIT_AS, &limit) != 0) return fail(kUnavailable, "the limit of memory cannot be told");
  limit.rlim_max = std::min<rlim_t>(limit.rlim_max, kServantMemoryMax);
  limit.rlim_cur = limit.rlim_max;
  if (::setrlimit(RLIMIT_AS, &limit) != 0) return fail(kUnavailable, "memory cannot be limited");
  return {};
}

delivery::Outcome outcome(message::StatusCode status, std::string words) {
  return {.status = status, .words = std::move(words)};
}

/// Below the home the user says where a path leads: there the group would open what is another's.
bool is_of_spool(const std::string& file, std::string home) {
  while (home.ends_with('/')) home.pop_back();
  const bool plain = file.starts_with('/') && std::filesystem::path(file).lexically_normal().native() == file;
  return plain && (home.empty() || !file.starts_with(home + "/"));
}

/// Does requests, each by the overload of its kind.
class Errand {
 public:
  Errand(const Descriptor& socket, const Policy& policy, Host& host, const Service& service)
      : socket_(socket), policy_(policy), host_(host), service_(service) {}

  Result<Answer> operator()(const FindUser& request) { return UserFound{TRY(served(request.name))}; }

  Result<Answer> operator()(const CheckPassword& request) {
    const auto user = TRY(served(request.name));
    if (!user) return PasswordChecked{Verdict::wrong};
    return PasswordChecked{TRY(host_.check_password(*user, request.password, request.remote))};
  }

  Result<Answer> operator()(const ReadForward& request) {
    const auto user = TRY(served(request.name));
    if (!user) return ForwardRead{};
    TRY(become(*user, ""));
    Forward forward{.user = *user, .files = {}};
    read_forward_files(forward);
    return ForwardRead{std::move(forward)};
  }

  Result<Answer> operator()(const Deliver& request) {
    const auto user = TRY(served(request.name));
    if (!user) return Delivered{outcome(delivery::kMailboxTrouble, "there is no user " + request.name + " now")};
    auto target = delivery::parse_target(request.target);
    if (!target) return Delivered{outcome(delivery::kWronglyConfigured, target.error().text())};
    const bool spool =
        std::holds_alternative<delivery::MboxTarget>(*target) && request.chosen == Deliver::Chosen::by_operator;
    TRY(become(*user, spool ? policy_.spool_group : ""));
    if (auto* const pipe = std::get_if<delivery::PipeTarget>(&*target)) {
      pipe->user = user->name;
      pipe->home = user->home;
    }
    SentOctets octets(socket_);
    delivery::Letter letter{.reverse_path = request.reverse_path,
                            .recipient = request.recipient,
                            .extension = request.extension,
                            .received = request.received,
                            .fields = {},
                            .message = octets};
    // Whoever hears no outcome has the message delivered again: a command is not left to run for nobody.
    return Delivered{delivery::deliver(*target, std::move(letter),
                                       {.call_off = {.descriptor = socket_.get(), .events = POLLRDHUP}})};
  }

  Result<Answer> operator()(const Attend& request) {
    const auto user = TRY(served(request.name));
    if (!user) return fail(kUnavailable, "there is no user " + request.name + " now");
    if (service_.servant == nullptr) return fail(kUnavailable, "nothing is done for users here");
    const Descriptor turn = TRY(service_.turns.take(user->uid));
    TRY(become(*user, is_of_spool(request.spool_file, user->home) ? policy_.spool_group : ""));
    TRY(end_with_steward());
    TRY(limit_memory());
    const std::string answer = encode(Answer(Attending{*user}));
    if (write_frame(socket_, answer, system_clock().now() + kQuestionTime) == Written::whole)
      service_.servant->serve(socket_, {.user = *user, .place = request.place, .spool_file = request.spool_file});
    // At once, whoever else holds this end still.
    ::shutdown(socket_.get(), SHUT_RDWR);
    ::_exit(0);
  }

 private:
  /// Nobody else would kill this process before the next server's writes beside it. A change of uid forgets that it is
  /// wanted: after it.
  Result<> end_with_steward() const {
    if (::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0 || ::getppid() != service_.steward)
      return fail(kUnavailable, "the steward has ended");
    return {};
  }
  Result<std::optional<User>> served(const std::string& name) {
    if (!plausible_user_name(name)) return std::nullopt;
    auto user = TRY(host_.find_user(name));
    if (user && !serves(policy_, *user, ::geteuid())) user.reset();
    return user;
  }

  Result<> become(const User& user, const std::string& further) {
    TRY(host_.become(user, further));
    ::umask(077);
    if (::chdir("/") != 0) return fail(kUnavailable, "there is no root folder");
    return {};
  }

  /// The .forward, then what is included, each file once, as long as there is room.
  static void read_forward_files(Forward& forward) {
    std::vector<std::string> wanted{forward.user.home + "/.forward"};
    std::size_t octets = 0;
    for (std::size_t i = 0; i < wanted.size() && i < kForwardFilesMax; ++i) {
      ForwardFile file{.path = wanted[i], .state = ForwardFile::State::absent, .status = {}, .text = {}};
      const std::size_t max = i == 0 ? alias::kForwardMax : kForwardOctetsMax - octets;
      auto read = alias::system_files().read(file.path, max);
      if (!read) {
        file.state = ForwardFile::State::unreadable;
        file.text = read.error().text();
      } else if (*read) {
        file.state = ForwardFile::State::there;
        file.status = (*read)->status;
        file.text = std::move((*read)->text);
        octets += file.text.size();
        add_includes(file.text, wanted);
      }
      forward.files.push_back(std::move(file));
    }
  }
  static void add_includes(std::string_view text, std::vector<std::string>& wanted) {
    for (const alias::Target& target : alias::parse_list(text).targets) {
      const auto* const include = std::get_if<alias::Include>(&target);
      if (include == nullptr || wanted.size() >= kForwardFilesMax) continue;
      if (std::ranges::find(wanted, include->path) == wanted.end()) wanted.push_back(include->path);
    }
  }

  const Descriptor& socket_;
  const Policy& policy_;
  Host& host_;
  const Service& service_;
};

}  // namespace

void do_errand(Request request, const Descriptor& socket, const Policy& policy, Host& host, const Service& service) {
  // Signals that tell of files too large and readers gone are errors of calls here.
  std::signal(SIGXFSZ, SIG_IGN);
  std::signal(SIGPIPE, SIG_IGN);
  // Passwords and letters are not left on a disk.
  const rlimit none{};
  ::setrlimit(RLIMIT_CORE, &none);
  auto done = std::visit(Errand(socket, policy, host, service), request);
  const std::string answer = encode(done ? *std::move(done) : Answer(Failed{done.error().text()}));
  (void)write_frame(socket, answer, system_clock().now() + kQuestionTime);
}

}  // namespace angarium::cage
