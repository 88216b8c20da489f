#include "errors.h"

#include <cerrno>
#include <system_error>

namespace fustor {

std::string errno_name(int error) {
#define FUSTOR_NAME(name) \
  case name: return #name;
  switch (error) {
    FUSTOR_NAME(EACCES)
    FUSTOR_NAME(EAGAIN)
    FUSTOR_NAME(EBADF)
    FUSTOR_NAME(EBUSY)
    FUSTOR_NAME(ECANCELED)
    FUSTOR_NAME(EEXIST)
    FUSTOR_NAME(EFAULT)
    FUSTOR_NAME(EHOSTDOWN)
    FUSTOR_NAME(EHOSTUNREACH)
    FUSTOR_NAME(EINTR)
    FUSTOR_NAME(EINVAL)
    FUSTOR_NAME(EIO)
    FUSTOR_NAME(EISDIR)
    FUSTOR_NAME(ELOOP)
    FUSTOR_NAME(EMFILE)
    FUSTOR_NAME(ENAMETOOLONG)
    FUSTOR_NAME(ENETUNREACH)
    FUSTOR_NAME(ENFILE)
    FUSTOR_NAME(ENODEV)
    FUSTOR_NAME(ENOENT)
    FUSTOR_NAME(ENOKEY)
    FUSTOR_NAME(ENOLCK)
    FUSTOR_NAME(ENOMEM)
    FUSTOR_NAME(ENOSPC)
    FUSTOR_NAME(ENOSYS)
    FUSTOR_NAME(ENOTCONN)
    FUSTOR_NAME(ENOTDIR)
    FUSTOR_NAME(ENXIO)
    FUSTOR_NAME(EOPNOTSUPP)
    FUSTOR_NAME(EOVERFLOW)
    FUSTOR_NAME(EPERM)
    FUSTOR_NAME(EREMOTEIO)
    FUSTOR_NAME(EROFS)
    FUSTOR_NAME(ESHUTDOWN)
    FUSTOR_NAME(ESTALE)
    FUSTOR_NAME(ETIMEDOUT)
    FUSTOR_NAME(EUCLEAN)
    FUSTOR_NAME(EXDEV)
    default: return "E" + std::to_string(error);
  }
#undef FUSTOR_NAME
}

Napi::Error system_error(Napi::Env env, const std::string& what, int error) {
  Napi::Error result = Napi::Error::New(env, what + ": " + std::generic_category().message(error));
  result.Set("code", errno_name(error));
  return result;
}

}  // namespace fustor
