#include "program/surroundings.h"

#include <unistd.h>

#include <cstdlib>
#include <ctime>

namespace angarium::program {
namespace {

int zone_minutes() {
  const std::time_t now = std::time(nullptr);  // tidy: the zone of this host, which only the C library knows
  std::tm local{};
  localtime_r(&now, &local);
  return static_cast<int>(local.tm_gmtoff / 60);
}

std::string host_name() {
  std::string name(256, '\0');
  if (gethostname(name.data(), name.size() - 1) != 0) return "localhost";
  name.resize(name.find('\0'));
  return name;
}

}  // namespace

std::string environment(const char* name, std::string otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr || *value == '\0' ? std::move(otherwise) : value;
}

mua::Surroundings surroundings_of(mua::Terminal& terminal, const std::string& login) {
  mua::Surroundings here{.terminal = terminal,
                         .submit = {},
                         .user = login,
                         .home = environment("HOME", "/"),
                         .spool = environment("MAIL", "/var/mail/" + login),
                         .shell = environment("SHELL", "/bin/sh"),
                         .editor = environment("EDITOR", "ed"),
                         .visual = environment("VISUAL", "vi"),
                         .zone_minutes = zone_minutes()};
  here.delivery.host = host_name();
  here.delivery.process = static_cast<std::uint64_t>(getpid());
  return here;
}

}  // namespace angarium::program
