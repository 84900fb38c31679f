#include "cage/message.h"

#include "support/test.h"

namespace angarium::cage {
namespace {

std::vector<Request> requests() {
  std::vector<Request> all;
  all.emplace_back(FindUser{"anna"});
  all.emplace_back(CheckPassword{.name = "anna", .password = sasl::Secret::copy("s\xc3\xa9"sv), .remote = "192.0.2.1"});
  all.emplace_back(ReadForward{"anna"});
  Deliver deliver{.name = "anna", .target = "mbox:/var/mail/anna"};
  deliver.chosen = Deliver::Chosen::by_user;
  deliver.reverse_path.mailbox = envelope::Mailbox{.local_part = "a b", .domain = "example.org"};
  deliver.recipient = {.local_part = "anna+x", .domain = "example.test"};
  deliver.extension = "x";
  deliver.received = {-5};
  all.emplace_back(deliver);
  deliver.reverse_path = {};
  all.emplace_back(deliver);
  all.emplace_back(Attend{.name = "anna", .place = "maildir:/home/anna/Maildir", .spool_file = {}});
  all.emplace_back(Attend{.name = "anna", .place = "mbox:/var/mail/anna", .spool_file = "/var/mail/anna"});
  return all;
}

std::vector<Answer> answers() {
  const User anna{.name = "anna", .uid = 1000, .gid = 1001, .home = "/home/anna", .full_name = "Anna"};
  const alias::FileStatus status{
      .regular = false, .owner = 1000, .mode = 0640, .size = 7, .changed_ns = -1, .inode = UINT64_MAX, .device = 3};
  using State = ForwardFile::State;
  return {UserFound{},
          UserFound{anna},
          PasswordChecked{Verdict::right},
          PasswordChecked{Verdict::wrong},
          ForwardRead{},
          ForwardRead{Forward{
              .user = anna,
              .files = {{.path = "/home/anna/.forward", .state = State::there, .status = status, .text = "a, b\n"},
                        {.path = "/x", .state = State::unreadable, .status = {}, .text = "why"}}}},
          Delivered{{.status = {.class_code = 4, .subject = 3, .detail = 1}, .words = "full"}},
          Failed{"no"},
          Attending{anna}};
}

std::string octets_of(std::initializer_list<int> octets) {
  std::string text;
  for (const int octet : octets) text += static_cast<char>(octet);
  return text;
}

}  // namespace

TEST_CASE("what is written is read back, and cut anywhere or with an octet more it is nothing") {
  for (const Request& request : requests()) {
    const std::string octets = encode(request);
    CAPTURE(to_hex(octets));
    const auto read = decode_request(octets);
    REQUIRE(read);
    CHECK(encode(*read) == octets);
    CHECK(request_kind(octets) == request.index());
    for (std::size_t size = 0; size < octets.size(); ++size) CHECK(!decode_request(octets.substr(0, size)));
    CHECK(!decode_request(octets + '\0'));
    CHECK(!decode_request("\x02" + octets.substr(1)));
  }
  for (const Answer& answer : answers()) {
    const std::string octets = encode(answer);
    CAPTURE(to_hex(octets));
    const auto read = decode_answer(octets);
    REQUIRE(read);
    CHECK(encode(*read) == octets);
    for (std::size_t size = 0; size < octets.size(); ++size) CHECK(!decode_answer(octets.substr(0, size)));
    CHECK(!decode_answer(octets + '\0'));
  }
}

TEST_CASE("the parts of a request are what they were") {
  const auto all = requests();
  const auto check = decode_request(encode(all[1]));
  REQUIRE(check);
  CHECK(std::get<CheckPassword>(*check).password.view() == "s\xc3\xa9");
  CHECK(std::get<CheckPassword>(*check).remote == "192.0.2.1");
  const auto deliver = decode_request(encode(all[3]));
  REQUIRE(deliver);
  const auto& got = std::get<Deliver>(*deliver);
  const auto& sent = std::get<Deliver>(all[3]);
  CHECK(got.chosen == sent.chosen);
  CHECK(got.target == sent.target);
  CHECK(got.reverse_path == sent.reverse_path);
  CHECK(got.recipient == sent.recipient);
  CHECK(got.extension == sent.extension);
  CHECK(got.received.microseconds == -5);
  CHECK(std::get<Deliver>(*decode_request(encode(all[4]))).reverse_path.null());
}

TEST_CASE("limits: a name, a whole request, a kind that is none") {
  CHECK(decode_request(encode(FindUser{std::string(kUserNameMax, 'a')})));
  CHECK(!decode_request(encode(FindUser{std::string(kUserNameMax + 1, 'a')})));
  CheckPassword largest{.name = "anna", .password = {}, .remote = {}};
  const std::size_t rest = encode(Request(CheckPassword{.name = "anna", .password = {}, .remote = {}})).size();
  largest.password = sasl::Secret(std::string(kRequestMax - rest, 'x'));
  std::string octets = encode(Request(std::move(largest)));
  CHECK(octets.size() == kRequestMax);
  CHECK(decode_request(octets));
  CHECK(!request_kind(octets + 'x'));
  CHECK(!decode_request(octets_of({1, 5})));
  CHECK(!decode_request(octets_of({1, 255})));
  CHECK(!decode_answer(octets_of({1, 6, 0, 0, 0, 0})));
  // A length that promises what is not there, a flag that is none.
  CHECK(!decode_request(octets_of({1, 0, 255, 255, 255, 255})));
  CHECK(!decode_answer(octets_of({1, 0, 2})));
  // An outcome is a success, a failure for now or for good.
  CHECK(!decode_answer(encode(Answer(Delivered{{.status = {.class_code = 3}, .words = {}}}))));
}

TEST_CASE("names that a user may have") {
  for (const auto* const name : {"anna", "a.b-c_d+e", "www-data", "Anna", "1000", "b\xc3\xa9"}) {
    CHECK(plausible_user_name(name));
  }
  for (const auto name : {""sv, "-x"sv, ".x"sv, ".."sv, "a/b"sv, "a b"sv, "a\nb"sv, "a:b"sv, "a\0b"sv, "a;b"sv, "$x"sv})
    CHECK(!plausible_user_name(name));
  CHECK(plausible_user_name(std::string(kUserNameMax, 'a')));
  CHECK(!plausible_user_name(std::string(kUserNameMax + 1, 'a')));
}

TEST_CASE("who is served: never root, the range, nobody excluded; without root the own user alone") {
  const Policy policy{.uid_min = 1000, .uid_max = 2000, .excluded = {"eve"}};
  const auto user = [](uid_t uid, gid_t gid = 100, std::string name = "anna") {
    return User{.name = std::move(name), .uid = uid, .gid = gid};
  };
  CHECK(serves(policy, user(1000), 0));
  CHECK(serves(policy, user(2000), 0));
  CHECK(!serves(policy, user(999), 0));
  CHECK(!serves(policy, user(2001), 0));
  CHECK(!serves(policy, user(1500, 100, "eve"), 0));
  CHECK(!serves(policy, user(1500, 0), 0));
  CHECK(!serves({.uid_min = 0}, user(0), 0));
  CHECK(serves(policy, user(33), 33));
  CHECK(!serves(policy, user(1500), 33));
  CHECK(!serves(policy, user(1500, 100, "eve"), 1500));
}

}  // namespace angarium::cage
