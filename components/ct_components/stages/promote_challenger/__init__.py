"""The stage `promote_challenger`: staging, checked in a clean process, champion."""
