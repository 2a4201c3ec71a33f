; The Windows installer, for one user, no administrator: makensis /DVERSION=0.1.0 packaging\windows\gyrus.nsi
; from the repository's folder, after PyInstaller has made dist\gyrus.
Unicode true
!include "MUI2.nsh"
!include "FileFunc.nsh"

!ifndef VERSION
  !error "Give the version: makensis /DVERSION=0.1.0 ..."
!endif
!ifndef DIST
  !define DIST "..\..\dist"
!endif
!define KEY "Software\Microsoft\Windows\CurrentVersion\Uninstall\Gyrus"

Name "Gyrus"
OutFile "${DIST}\gyrus-${VERSION}-windows-x86_64-setup.exe"
RequestExecutionLevel user
InstallDir "$LOCALAPPDATA\Programs\Gyrus"
InstallDirRegKey HKCU "Software\Gyrus" "InstallDir"
SetCompressor /SOLID lzma
ManifestDPIAware true
!define MUI_ABORTWARNING
!define MUI_FINISHPAGE_RUN "$INSTDIR\gyrusw.exe"

!insertmacro MUI_PAGE_WELCOME
!insertmacro MUI_PAGE_LICENSE "..\..\LICENSE"
!insertmacro MUI_PAGE_DIRECTORY
!insertmacro MUI_PAGE_INSTFILES
!insertmacro MUI_PAGE_FINISH
!insertmacro MUI_UNPAGE_CONFIRM
!insertmacro MUI_UNPAGE_INSTFILES
!insertmacro MUI_LANGUAGE "English"

; "Open with" offers Gyrus; what opened these files before goes on doing so.
!macro OfferFor EXTENSION
  WriteRegStr HKCU "Software\Classes\${EXTENSION}\OpenWithProgids" "Gyrus.Image" ""
  WriteRegStr HKCU "Software\Classes\Applications\gyrusw.exe\SupportedTypes" "${EXTENSION}" ""
!macroend
!macro WithdrawFor EXTENSION
  DeleteRegValue HKCU "Software\Classes\${EXTENSION}\OpenWithProgids" "Gyrus.Image"
!macroend
!macro ForEachType ACTION
  !insertmacro ${ACTION} ".dcm"
  !insertmacro ${ACTION} ".nii"
  !insertmacro ${ACTION} ".gz"
  !insertmacro ${ACTION} ".png"
  !insertmacro ${ACTION} ".jpg"
  !insertmacro ${ACTION} ".jpeg"
  !insertmacro ${ACTION} ".tif"
  !insertmacro ${ACTION} ".tiff"
  !insertmacro ${ACTION} ".bmp"
  !insertmacro ${ACTION} ".gif"
  !insertmacro ${ACTION} ".webp"
!macroend

Section "Gyrus"
  RMDir /r "$INSTDIR\_internal"
  SetOutPath "$INSTDIR"
  File /r "${DIST}/gyrus/*"
  WriteUninstaller "$INSTDIR\uninstall.exe"
  CreateShortcut "$SMPROGRAMS\Gyrus.lnk" "$INSTDIR\gyrusw.exe"
  WriteRegStr HKCU "Software\Gyrus" "InstallDir" "$INSTDIR"
  WriteRegStr HKCU "Software\Classes\Gyrus.Image" "" "Image for Gyrus"
  WriteRegStr HKCU "Software\Classes\Gyrus.Image\DefaultIcon" "" "$INSTDIR\gyrusw.exe,0"
  WriteRegStr HKCU "Software\Classes\Gyrus.Image\shell\open\command" "" '"$INSTDIR\gyrusw.exe" "%1"'
  WriteRegStr HKCU "Software\Classes\Applications\gyrusw.exe\shell\open\command" "" '"$INSTDIR\gyrusw.exe" "%1"'
  !insertmacro ForEachType OfferFor
  WriteRegStr HKCU "${KEY}" "DisplayName" "Gyrus"
  WriteRegStr HKCU "${KEY}" "DisplayVersion" "${VERSION}"
  WriteRegStr HKCU "${KEY}" "DisplayIcon" "$INSTDIR\gyrusw.exe"
  WriteRegStr HKCU "${KEY}" "UninstallString" '"$INSTDIR\uninstall.exe"'
  WriteRegDWORD HKCU "${KEY}" "NoModify" 1
  WriteRegDWORD HKCU "${KEY}" "NoRepair" 1
  ${GetSize} "$INSTDIR" "/S=0K" $0 $1 $2
  IntFmt $0 "0x%08X" $0
  WriteRegDWORD HKCU "${KEY}" "EstimatedSize" "$0"
SectionEnd

Section "Uninstall"
  !insertmacro ForEachType WithdrawFor
  DeleteRegKey HKCU "Software\Classes\Gyrus.Image"
  DeleteRegKey HKCU "Software\Classes\Applications\gyrusw.exe"
  DeleteRegKey HKCU "Software\Gyrus"
  DeleteRegKey HKCU "${KEY}"
  Delete "$SMPROGRAMS\Gyrus.lnk"
  RMDir /r "$INSTDIR\_internal"
  Delete "$INSTDIR\gyrus.exe"
  Delete "$INSTDIR\gyrusw.exe"
  Delete "$INSTDIR\uninstall.exe"
  RMDir "$INSTDIR"
SectionEnd
